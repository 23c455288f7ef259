/**
 * Small pieces that several sections of the HTML report use.
 *
 * @since 0.1.0
 */
import * as Format from "../Format.ts"
import { markup, type Markup } from "../Markup.ts"
import type { Severity, Tone } from "../Model.ts"
import * as Text from "../Text.ts"

/**
 * The id of the element that shows a thing; distinct for distinct ids.
 *
 * @category formatting
 * @since 0.1.0
 */
export const anchor = (kind: "agent" | "agreement" | "claim" | "conflict" | "insight", id: string): string =>
  `${kind}-${Text.clean(id).replace(/[^A-Za-z0-9-]/gu, (character) => `_${character.codePointAt(0)?.toString(16)}_`)}`

/**
 * A status in its colour, with a sign and the word.
 *
 * @category elements
 * @since 0.1.0
 */
export const status = (word: string, tone: Tone): Markup =>
  markup`<span class="tag ${tone}">${signs[tone]}${word}</span>`

/**
 * The sign of a status alone.
 *
 * @category elements
 * @since 0.1.0
 */
export const sign = (tone: Tone): Markup => markup`<span class="${tone}">${signs[tone]}</span>`

/**
 * @category elements
 * @since 0.1.0
 */
export const severity = (severity: Severity): Markup => markup`<span class="tag ${severity}">${severity}</span>`

/**
 * What an agent holds of a claim, with a sign.
 *
 * @category elements
 * @since 0.1.0
 */
export const stance = (stance: string): Markup =>
  stance === "oppose"
    ? markup`<span class="says bad">${signs.bad}opposes</span>`
    : stance === "uncertain"
      ? markup`<span class="says waiting">${question}is uncertain</span>`
      : markup`<span class="says good">${signs.good}supports</span>`

/**
 * A confidence as a number and a bar.
 *
 * @category elements
 * @since 0.1.0
 */
export const confidence = (value: number): Markup =>
  markup`<p class="sure"><span>confidence <span class="num">${Format.confidence(value)}</span></span>
<svg height="6" aria-hidden="true" focusable="false"><rect class="track" width="100%" height="6" rx="3"/><rect class="level" width="${percentOf(value)}" height="6" rx="3"/></svg></p>`

/**
 * Evidence: web addresses as links, all else as text.
 *
 * @category elements
 * @since 0.1.0
 */
export const evidence = (items: ReadonlyArray<string>): Markup =>
  items.length === 0
    ? markup`<p class="small muted">no evidence given</p>`
    : markup`<ul class="evidence" aria-label="Evidence">${items
        .slice(0, evidenceLimit)
        .map(
          (item) => markup`<li>${source(item)}</li>`
        )}${items.length > evidenceLimit && markup`<li>${Format.count(items.length - evidenceLimit)} more</li>`}</ul>`

/**
 * A share of the width, for the attributes of a drawing.
 *
 * @category formatting
 * @since 0.1.0
 */
export const percentOf = (share: number): string =>
  `${Math.round(Math.min(1, Math.max(0, Number.isFinite(share) ? share : 0)) * 10_000) / 100}%`

const evidenceLimit = 8

const draw = (path: string): Markup =>
  markup`<svg class="mark" viewBox="0 0 16 16" aria-hidden="true" focusable="false"><path d="${path}"/></svg>`
const signs: Readonly<Record<Tone, Markup>> = {
  good: draw("M2.5 8.5l3.7 3.7L13.5 4"),
  bad: draw("M3.5 3.5l9 9M12.5 3.5l-9 9"),
  waiting: draw("M5.5 3v10M10.5 3v10"),
  idle: draw("M3 8h10")
}
const question = draw("M5 5.2a3 3 0 1 1 4.2 2.7c-.8.4-1.2.9-1.2 1.8M8 13v.1")

const source = (item: string): Markup => {
  const text = Text.line(item, 200)
  return isWebAddress(item)
    ? markup`<a href="${new URL(item).href}" rel="noopener noreferrer">${text}</a>`
    : /\s/.test(text)
      ? markup`${text}`
      : markup`<code>${text}</code>`
}

const isWebAddress = (item: string): boolean => /^https?:\/\/[^\s]{1,2000}$/i.test(item) && URL.canParse(item)
