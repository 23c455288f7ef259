/**
 * Lists the claims by severity, to be filtered by agent without a script.
 *
 * @since 0.1.0
 */
import * as Format from "../Format.ts"
import { markup, type Markup } from "../Markup.ts"
import { countBySeverity, type AgentView, type Claim, type Model, type Severity } from "../Model.ts"
import { filterLimit } from "../style.ts"
import type { Citations } from "./Citation.ts"
import * as Element from "./Element.ts"

/**
 * @category elements
 * @since 0.1.0
 */
export const claims = (model: Model, citations: Citations): Markup => {
  const speakers = model.agents.filter((agent) => agent.claims.length > 0)
  const filtered = speakers.length > 1 && speakers.length <= filterLimit ? speakers : []
  const left = model.claims.length - citations.shown.length
  return markup`${filtered.length > 0 && filter(filtered)}
${countBySeverity(model.claims).map(({ count, severity }) => group(severity, count, filtered, citations))}
${left > 0 && markup`<p class="muted">and ${Format.counted(left, "more claim")}, all in the run document</p>`}`
}

const filter = (
  agents: ReadonlyArray<AgentView>
): Markup => markup`<fieldset class="filter"><legend>Show the claims of</legend>
<label><input type="radio" name="only" id="only-all" checked> all agents</label>
${agents.map(
  (agent, index) =>
    markup`<label><input type="radio" name="only" id="only-${index}"> ${agent.name} <span class="num">${agent.claims.length}</span></label>`
)}
</fieldset>`

const group = (severity: Severity, total: number, filtered: ReadonlyArray<AgentView>, citations: Citations): Markup => {
  const open = severity === "critical" || severity === "high" || total <= 12
  const indices = new Map(filtered.map((agent, index) => [agent.name, index]))
  return markup`<details class="group"${open && markup` open`}>
<summary><h3>${Element.severity(severity)} <span class="count num">${Format.counted(total, "claim")}</span>${filtered.map(
    (agent, index) =>
      markup`<span class="count num" data-agent="${index}">${Format.counted(
        agent.claims.filter((claim) => claim.severity === severity).length,
        "claim"
      )} of ${agent.name}</span>`
  )}</h3></summary>
<ul>${citations.shown
    .filter((claim) => claim.severity === severity)
    .map((claim) => item(claim, indices.get(claim.agent), citations.anchorOf(claim)))}</ul>
</details>`
}

const item = (claim: Claim, index: number | undefined, anchor: string | undefined): Markup => markup`<li class="claim${
  index !== undefined && ` by-${index}`
}"${anchor !== undefined && markup` id="${anchor}"`}>
<p class="text">${claim.text}</p>
<div class="meta"><strong>${claim.agent}</strong>, confidence <span class="num">${Format.confidence(
  claim.confidence
)}</span><br>${claim.topic}${claim.stance !== "support" && markup`<br>${Element.stance(claim.stance)}`}</div>
${claim.evidence.length > 0 && Element.evidence(claim.evidence)}
</li>`
