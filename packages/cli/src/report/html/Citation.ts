/**
 * Chooses the claims that a report shows, and links to them.
 *
 * @since 0.1.0
 */
import { markup, type Markup } from "../Markup.ts"
import type { Claim, Model } from "../Model.ts"
import type { Side } from "../Findings.ts"
import * as Format from "../Format.ts"
import * as Text from "../Text.ts"
import * as Element from "./Element.ts"

/**
 * The claims shown in full, and how to cite any.
 *
 * @category models
 * @since 0.1.0
 */
export interface Citations {
  /** In the order of the model, bounded; a claim that an insight or agreement cites is always among them. */
  readonly shown: ReadonlyArray<Claim>
  readonly runId: string
  /** Links from a side of a conflict to what its agents claim on the topic. */
  readonly told: (side: Side, topic: string) => Markup | false
  readonly anchorOf: (claim: Claim) => string | undefined
  /** Where the report shows the claim, agreement, conflict or insight of this id, if it does. */
  readonly placeOf: (id: string) => string | undefined
  /** Links to the claims, those after the first `open` folded away; claims that read the same are told by their evidence. */
  readonly cite: (ids: ReadonlyArray<string>, open: number) => Markup
}

/**
 * The most claims that a report shows without a citation.
 *
 * @category configuration
 * @since 0.1.0
 */
export const claimLimit = 1_000

/**
 * The most insights, agreements or conflicts that a report shows of each.
 *
 * @category configuration
 * @since 0.1.0
 */
export const findingLimit = 200

/**
 * @category constructors
 * @since 0.1.0
 */
export const make = (model: Model): Citations => {
  const cited = new Set(
    [
      ...model.insights.slice(0, findingLimit).map((insight) => insight.supports),
      ...model.agreements.slice(0, findingLimit).map((agreement) => agreement.claims)
    ].flatMap((ids) => ids.slice(0, citeLimit))
  )
  const shown = model.claims.filter((claim, index) => index < claimLimit || cited.has(claim.id))
  const first = new Map<string, Claim>()
  for (const claim of shown) {
    if (!first.has(claim.id)) {
      first.set(claim.id, claim)
    }
  }
  const places = new Map(
    (["agreement", "conflict", "insight"] as const).flatMap((kind) =>
      model[`${kind}s`].slice(0, findingLimit).map(({ id }) => [id, Element.anchor(kind, id)] as const)
    )
  )
  const link = (id: string, byEvidence: boolean): Markup => {
    const claim = first.get(id)
    if (claim === undefined) {
      return markup`<li><code>${Text.line(id, 80)}</code></li>`
    }
    const text = byEvidence && claim.evidence.length > 0 ? claim.evidence.slice(0, 3).join(", ") : claim.text
    return markup`<li><span class="muted">${claim.agent}:</span> <a href="#${Element.anchor("claim", id)}">${Text.line(
      text,
      140
    )}</a></li>`
  }
  return {
    shown,
    runId: model.runId,
    told: ({ agents, stance }, topic) => {
      const links = agents.slice(0, 3).flatMap((agent) => {
        const own = shown.find((claim) => claim.topic === topic && claim.stance === stance && claim.agent === agent)
        return own === undefined
          ? []
          : [markup`<li><a href="#${Element.anchor("claim", own.id)}">What ${agent} claims, in full</a></li>`]
      })
      return links.length > 0 && markup`<ul class="told small">${links}</ul>`
    },
    anchorOf: (claim) => (first.get(claim.id) === claim ? Element.anchor("claim", claim.id) : undefined),
    placeOf: (id) => (first.has(id) ? Element.anchor("claim", id) : places.get(id)),
    cite: (ids, open) => {
      const texts = new Set(ids.map((id) => first.get(id)?.text))
      const links = ids.slice(0, citeLimit).map((id) => link(id, ids.length > 1 && texts.size === 1))
      const left = ids.length - links.length
      const more = left > 0 && markup`<li class="muted">and ${Format.counted(left, "more claim")}</li>`
      return links.length <= open + 1
        ? markup`<ul class="cites">${links}${more}</ul>`
        : markup`<ul class="cites">${links.slice(0, open)}</ul>
<details><summary>and ${Format.counted(links.length - open, "more claim")}</summary><ul class="cites">${links.slice(
            open
          )}${more}</ul></details>`
    }
  }
}

const citeLimit = 12
