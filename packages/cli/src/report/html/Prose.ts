/**
 * What a narrator wrote of a synthesis, each citation a link to what it cites.
 *
 * @since 0.1.0
 */
import { markup, type Markup } from "../Markup.ts"
import type { Model } from "../Model.ts"
import type { Citations } from "./Citation.ts"

/**
 * One section for all syntheses that have been put into words; none if there is none.
 *
 * @category elements
 * @since 0.1.0
 */
export const sections = (model: Model, citations: Citations) => {
  const told = model.censuses.flatMap(({ prose, step }) => (prose === undefined ? [] : [{ step, prose }]))
  if (told.length === 0) return []
  const cards = told.map(
    ({ prose, step }) => markup`<div class="card conclusion">
${told.length > 1 && markup`<h3>${step}</h3>`}
${prose.split(/\n\s*\n/).map((paragraph) => markup`<p class="prose">${linked(paragraph, citations)}</p>`)}
<p class="small muted from">A narrator wrote this from what stands below. What it cites is there; whether it says the same, read there.</p>
</div>`
  )
  return [{ id: "prose", title: "In words", content: cards }]
}

/** Text with its citations in brackets as links. */
const linked = (text: string, { placeOf }: Citations): ReadonlyArray<Markup> =>
  text.split(/(\[[a-z]-[0-9a-f]+\])/).map((part) => {
    const place = part.startsWith("[") ? placeOf(part.slice(1, -1)) : undefined
    return place === undefined ? markup`${part}` : markup`<a class="mono small" href="#${place}">${part}</a>`
  })
