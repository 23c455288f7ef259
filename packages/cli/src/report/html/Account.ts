/**
 * Accounts for the run: each agent, the census, the metrics.
 *
 * @since 0.1.0
 */
import * as Format from "../Format.ts"
import type { Census } from "../Findings.ts"
import { markup, type Markup } from "../Markup.ts"
import { countBySeverity, type AgentView, type Model } from "../Model.ts"
import * as Text from "../Text.ts"
import type { Citations } from "./Citation.ts"
import * as Element from "./Element.ts"

/**
 * One agent with what it handed in; open when it did not complete.
 *
 * @category elements
 * @since 0.1.0
 */
export const agent = (
  agent: AgentView,
  citations: Citations
): Markup => markup`<details class="group agent" id="${Element.anchor(
  "agent",
  agent.name
)}"${agent.tone !== "good" && markup` open`}>
<summary><h3>${agent.name}</h3>${Element.status(agent.status, agent.tone)}<span class="count num">${[
  agent.duration !== undefined && Format.duration(agent.duration),
  agent.claims.length > 0 && Format.counted(agent.claims.length, "claim")
]
  .filter((part) => part !== false)
  .join(", ")}</span></summary>
<div>
${agent.reason !== undefined && markup`<p class="${agent.tone}"><strong>${agent.reason}</strong></p>`}
${agent.summary !== undefined && agent.summary !== agent.reason && markup`<p class="prose">${agent.summary}</p>`}
<dl class="facts">${facts(agent)}</dl>
${agent.issues.length > 0 && part("Issues", agent.issues.map(issue))}
${
  agent.files.length > 0 &&
  part(
    "Files",
    agent.files.map((file) => markup`<li><code>${file}</code></li>`)
  )
}
${
  agent.claims.length > 0 &&
  markup`<div class="part"><h4>Claims: ${countBySeverity(agent.claims)
    .map(({ count, severity }) => `${Format.count(count)} ${severity}`)
    .join(", ")}</h4><ul class="plainlist columns">${agent.claims.slice(0, shownPerAgent).map((claim) => {
    const anchor = citations.anchorOf(claim)
    const text = Text.line(claim.text, 110)
    return markup`<li>${anchor === undefined ? text : markup`<a href="#${anchor}">${text}</a>`}</li>`
  })}</ul>${more(agent.claims.length, "claim")}</div>`
}
</div>
</details>`

/**
 * What the agent made of it all that had the synthesis to work from, with the issues that it raises.
 *
 * @category elements
 * @since 0.1.0
 */
export const conclusion = ({ issues, name, summary }: AgentView): Markup => markup`<div class="card conclusion">
<p class="prose">${summary}</p>
${
  issues.length > 0 &&
  markup`<details class="reveal"><summary>${Format.counted(issues.length, "issue")} with what they rest on</summary>
<ol class="issues">${issues.slice(0, shownPerAgent).map(issue)}</ol>${more(issues.length, "issue")}</details>`
}
<p class="small muted from">As <a href="#${Element.anchor("agent", name)}">${name}</a> put it, from the synthesis below.</p>
</div>`

/**
 * Who reported to a synthesis and who did not.
 *
 * @category elements
 * @since 0.1.0
 */
export const census = (census: Census, alone: boolean): Markup => {
  let from = 0
  const shares = census.parts.map(({ count, name }) => {
    const share = { name, count, x: from, width: census.expected === 0 ? 0 : count / census.expected }
    from += share.width
    return share
  })
  return markup`<div class="card census">
<p>${!alone && markup`<strong>${census.step}</strong>: `}${Element.status(
    census.status,
    census.status === "complete" ? "good" : census.status === "degraded" ? "waiting" : "bad"
  )} ${Format.counted(census.expected, "agent")} expected = ${census.parts
    .map(({ count, name }) => `${Format.count(count)} ${name}`)
    .join(" + ")}</p>
<svg height="12" aria-hidden="true" focusable="false">${shares
    .filter(({ count }) => count > 0)
    .map(
      ({ name, width, x }) =>
        markup`<rect class="${name}" x="${Element.percentOf(x)}" width="${Element.percentOf(width)}" height="12"/>`
    )}</svg>
<ul class="plainlist columns">${census.byAgent
    .slice(0, 200)
    .map(
      ({ agent, outcome }) =>
        markup`<li><strong>${agent}</strong> <span class="${
          outcome === "reported" ? "good" : outcome === "failed" ? "bad" : "waiting"
        }">${outcome}</span></li>`
    )}</ul>
${census.byAgent.length > 200 && markup`<p class="muted">and ${Format.counted(census.byAgent.length - 200, "more agent")}</p>`}
</div>`
}

/**
 * @category elements
 * @since 0.1.0
 */
export const metrics = (
  metrics: Model["metrics"]
): Markup => markup`<div class="card scroll" tabindex="0" role="region" aria-label="Table of the metrics"><table>
<thead><tr><th scope="col">Metric</th><th scope="col" class="n">Measured</th><th scope="col" class="n">Threshold</th><th scope="col" class="n">Target</th><th scope="col" class="n">Samples</th><th scope="col">Holds</th></tr></thead>
<tbody>${metrics.map(
  (metric) =>
    markup`<tr><th scope="row">${Text.line(metric.name, 80).replaceAll("_", " ")}</th><td class="n">${Format.measured(
      metric.value,
      metric.unit
    )}</td><td class="n">${Format.measured(metric.threshold, metric.unit)}</td><td class="n">${Format.measured(
      metric.target,
      metric.unit
    )}</td><td class="n">${metric.samples === undefined ? Format.none : Format.count(metric.samples)}</td><td>${
      metric.ok === "n/a"
        ? Element.status("no data", "idle")
        : metric.ok
          ? Element.status("holds", "good")
          : Element.status("missed", "bad")
    }</td></tr>`
)}</tbody></table></div>`

const shownPerAgent = 50

const more = (total: number, noun: string): Markup | false =>
  total > shownPerAgent &&
  markup`<p class="small muted">and ${Format.counted(total - shownPerAgent, `more ${noun}`)}</p>`

const part = (title: string, items: ReadonlyArray<Markup>): Markup =>
  markup`<div class="part"><h4>${title}</h4><ul class="plainlist">${items.slice(0, shownPerAgent)}</ul>${more(
    items.length,
    title.toLowerCase().replace(/s$/, "")
  )}</div>`

const issue = ({ description, recommendation, severity }: AgentView["issues"][number]): Markup =>
  markup`<li>${Element.severity(severity)} ${description}${
    recommendation !== undefined && markup` <span class="muted">${recommendation}</span>`
  }</li>`

const facts = (agent: AgentView): ReadonlyArray<Markup> =>
  [
    { name: "Role", value: agent.role },
    { name: "Task", value: agent.taskType },
    { name: "After", value: agent.needs.length === 0 ? undefined : Format.listed(agent.needs) },
    { name: "Attempts", value: agent.attempts === undefined ? undefined : Format.count(agent.attempts) },
    { name: "Wakes", value: agent.wakes === undefined ? undefined : Format.count(agent.wakes) },
    { name: "Confidence", value: agent.confidence === undefined ? undefined : Format.confidence(agent.confidence) },
    { name: "Session", value: agent.sessionId }
  ].flatMap(({ name, value }) => (value === undefined ? [] : [markup`<div><dt>${name}</dt><dd>${value}</dd></div>`]))
