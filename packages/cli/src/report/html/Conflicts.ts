/**
 * Shows what the synthesis made of the agents' claims: conflicts side by side, insights, agreements.
 *
 * @since 0.1.0
 */
import * as Format from "../Format.ts"
import * as Findings from "../Findings.ts"
import { markup, type Markup } from "../Markup.ts"
import type { Citations } from "./Citation.ts"
import * as Element from "./Element.ts"

/**
 * @category elements
 * @since 0.1.0
 */
export const conflict = (conflict: Findings.Conflict): Markup => {
  const title = Element.anchor("conflict", conflict.id)
  const shared = Findings.sharedClaim(conflict)
  return markup`<article class="card conflict${conflict.blocking && " blocking"}" id="${title}" aria-labelledby="${title}-t">
<header><h3 id="${title}-t">${conflict.topic}</h3><p class="tags"><span class="tag plain">${conflict.type}</span>${
    conflict.blocking && markup`<span class="tag solid">blocking</span>`
  }</p></header>
${shared !== undefined && markup`<blockquote class="shared">${shared}</blockquote>`}
<div class="sides">${conflict.sides.slice(0, sideLimit).map((each) => side(each, shared === undefined))}</div>
${
  conflict.sides.length > sideLimit &&
  markup`<p class="small muted">and ${Format.counted(conflict.sides.length - sideLimit, "more side")}</p>`
}
</article>`
}

/**
 * @category elements
 * @since 0.1.0
 */
export const insight = (insight: Findings.Insight, citations: Citations): Markup => markup`<li class="card">
<p><span class="tag plain">${insight.kind}</span></p>
<p class="statement">${insight.statement}</p>
<div class="rests">${citations.cite(insight.supports, 3)}</div>
</li>`

/**
 * @category elements
 * @since 0.1.0
 */
export const agreement = (agreement: Findings.Agreement, citations: Citations): Markup => markup`<li>
<div><h3>${agreement.topic}</h3><p>${agreement.claim}</p></div>
${Element.confidence(agreement.confidence)}
<div class="from">${
  agreement.claims.length === 0
    ? Format.listed(agreement.agents)
    : markup`<details><summary>${Format.listed(agreement.agents)} in ${Format.counted(
        agreement.claims.length,
        "claim"
      )}</summary>${citations.cite(agreement.claims, Infinity)}</details>`
}</div>
</li>`

const sideLimit = 12

const side = (side: Findings.Side, withClaim: boolean): Markup => markup`<div class="side">
<header><h4>${Format.listed(side.agents)}</h4><span class="tags">${Element.stance(side.stance)}${
  side.minority && markup`<span class="tag plain">minority</span>`
}</span></header>
${withClaim && markup`<blockquote>${side.claim}</blockquote>`}
${Element.confidence(side.confidence)}
${Element.evidence(side.evidence)}
</div>`
