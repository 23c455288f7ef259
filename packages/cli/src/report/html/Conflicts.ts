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
export const conflict = (conflict: Findings.Conflict, citations: Citations): Markup => {
  const title = Element.anchor("conflict", conflict.id)
  const shared = Findings.sharedClaim(conflict)
  const command = Findings.answerTo(conflict, citations.runId)
  return markup`<article class="card conflict${conflict.blocking && " blocking"}" id="${title}" aria-labelledby="${title}-t">
<header><h3 id="${title}-t">${conflict.topic}</h3><p class="tags">${conflict.severity !== undefined && Element.severity(conflict.severity)}<span class="tag plain">${conflict.type}</span>${
    conflict.blocking && markup`<span class="tag solid">blocking</span>`
  }${conflict.settled !== undefined && Element.status("settled", "good")}</p></header>
${conflict.similarity !== undefined && markup`<p class="shared">${inOtherWords(conflict.similarity)}</p>`}
${shared !== undefined && markup`<blockquote class="shared">${shared}</blockquote>`}
<div class="sides">${conflict.sides.slice(0, sideLimit).map((each) => side(each, conflict.topic, shared === undefined, citations))}</div>
${conflict.merge !== undefined && merge(conflict.merge)}
${conflict.settled !== undefined && settled(conflict.settled)}
${command !== undefined && markup`<p class="small muted ask">It waits for a decision: <code>${command}</code></p>`}
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
export const insight = (
  insight: Findings.Insight,
  citations: Citations
): Markup => markup`<li class="card" id="${Element.anchor("insight", insight.id)}">
<p><span class="tag plain">${insight.kind}</span></p>
<p class="statement">${insight.statement}</p>
${insight.supports.length > 0 && markup`<div class="rests">${citations.cite(insight.supports, 3)}</div>`}
</li>`

/**
 * @category elements
 * @since 0.1.0
 */
export const agreement = (
  agreement: Findings.Agreement,
  citations: Citations
): Markup => markup`<li id="${Element.anchor("agreement", agreement.id)}">
<div><h3>${agreement.topic}</h3><p>${agreement.claim}${agreement.similarity !== undefined && inOtherWords(agreement.similarity)}</p></div>
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

const inOtherWords = (similarity: number): Markup =>
  markup` <span class="small muted">in other words, ${Format.confidence(similarity)} alike</span>`

const side = (
  side: Findings.Side,
  topic: string,
  withClaim: boolean,
  citations: Citations
): Markup => markup`<div class="side${side.upheld && " upheld"}">
<header><h4>${Format.listed(side.agents)}</h4><span class="tags">${Element.stance(side.stance)}${
  side.minority && markup`<span class="tag plain">minority</span>`
}${side.upheld && Element.status("upheld", "good")}</span></header>
${withClaim && markup`<blockquote>${side.claim}</blockquote>`}
${Element.confidence(side.confidence)}
${Element.evidence(side.evidence)}
${citations.told(side, topic)}
</div>`

const settled = ({
  by,
  evidence,
  statement
}: NonNullable<Findings.Conflict["settled"]>): Markup => markup`<div class="settled">
<p><strong>Settled by ${by}:</strong> ${statement}</p>
${Element.evidence(evidence)}
</div>`

const merge = ({ clean, hunks, more }: NonNullable<Findings.Conflict["merge"]>): Markup =>
  clean
    ? markup`<p class="merge good">The changes do not touch and were merged; the content is in the run document.</p>`
    : markup`<div class="merge">${hunks.map(
        ({ base, line, sides }) => markup`<div class="hunk" role="group" aria-label="Line ${line}">
<p class="small muted">Line ${Format.count(line)}${base !== undefined && markup`, before: <code>${base === "" ? "nothing" : base}</code>`}</p>
<div class="sides">${sides.map(
          ({ agents, text }) =>
            markup`<figure><figcaption>${Format.listed(agents)}</figcaption><pre tabindex="0">${text === "" ? "(removed)" : text}</pre></figure>`
        )}</div>
</div>`
      )}${more > 0 && markup`<p class="small muted">and ${Format.counted(more, "more place")}</p>`}</div>`
