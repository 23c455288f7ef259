/**
 * Draws who worked when, and how long it took against one agent after the other.
 *
 * @since 0.1.0
 */
import * as Format from "../Format.ts"
import { markup, type Markup } from "../Markup.ts"
import type { AgentView, Model } from "../Model.ts"
import * as Element from "./Element.ts"

/**
 * The agents as bars over a time axis, with the same as a table.
 *
 * @category elements
 * @since 0.1.0
 */
export const timeline = (model: Model, agents: ReadonlyArray<AgentView>): Markup => {
  const ticks = Format.ticks(model.span)
  const at = (millis: number) => Element.percentOf(model.span === 0 ? 0 : millis / model.span)
  const lines = ticks.map((tick) => markup`<line class="tick" x1="${at(tick)}" x2="${at(tick)}" y1="0" y2="100%"/>`)
  const ends = new Map(model.agents.map((agent) => [agent.name, agent.end]))
  const left = model.agents.length - agents.length
  return markup`<figure class="card">
<div class="timeline" role="img" aria-label="${describe(model)}">
<div class="row axis"><span></span><svg height="18" aria-hidden="true">${ticks.map(
    (tick) =>
      markup`<text x="${at(tick)}" y="12" text-anchor="${anchorAt(tick, model.span)}">${Format.tick(tick, model.span)}</text>`
  )}</svg><span></span></div>
${agents.map(
  (agent) => markup`<div class="row">
<span class="who">${Element.sign(agent.tone)}${agent.name}${agent.role !== undefined && markup` <small>${agent.role.toLowerCase()}</small>`}</span>
<svg height="26" aria-hidden="true">${lines}${bar(agent, model, ends)}</svg>
<span class="end">${agent.duration !== undefined && markup`${Format.duration(agent.duration)} `}${
    (agent.tone !== "good" || agent.duration === undefined) &&
    markup`<span class="${agent.tone}">${agent.status}</span>`
  }${(agent.attempts ?? 1) > 1 && markup` <span class="muted">${agent.attempts} attempts</span>`}</span>
</div>`
)}
</div>
${left > 0 && markup`<p class="small muted">and ${Format.counted(left, "more agent")}</p>`}
<details class="reveal"><summary>The timeline as a table</summary>${table(agents)}</details>
</figure>`
}

/**
 * Wall time against the sum of the agents' times and against the sequential run, as bars with figures.
 *
 * @category elements
 * @since 0.1.0
 */
export const comparison = (model: Model): Markup => {
  const { baseline, times } = model
  const longest = Math.max(times.wall ?? 0, times.sum ?? 0, baseline?.wall ?? 0)
  const row = (
    name: string,
    note: string,
    kind: string,
    millis: number | undefined,
    parts: Model["times"]["parts"]
  ) => {
    const share = (part: number) => (longest === 0 ? 0 : part / longest)
    const pieces = parts.length === 0 || parts.length > 200 ? [{ name: "", from: 0, length: millis ?? 0 }] : parts
    return (
      millis !== undefined &&
      markup`<li class="${kind}"><span>${name}<br><small class="muted">${note}</small></span>
<svg height="24" aria-hidden="true" focusable="false">${pieces.map(
        (piece) =>
          markup`<svg x="${Element.percentOf(share(piece.from))}" width="${Element.percentOf(
            Math.max(0.001, share(piece.length) - 0.002)
          )}" height="24"><rect width="100%" height="24" rx="3"/>${
            share(piece.length) > 0.08 && markup`<text class="label" x="8" y="16">${piece.name}</text>`
          }</svg>`
      )}</svg><span class="end">${Format.duration(millis)}</span></li>`
    )
  }
  return markup`<div class="card"><h3>Against one agent after the other</h3>
<ul class="compare">
${row("This run", times.peak > 1 ? `up to ${times.peak} agents at once` : "wall time", "this", times.wall, [])}
${row("Sum of the agents’ times", Format.saved(times.saved), "sum", times.sum, inARow(times.parts))}
${
  baseline !== undefined &&
  row(
    "Sequential run",
    `really executed, ${baseline.status}; ${Format.saved(baseline.savedAgainst)}`,
    "sequential",
    baseline.wall,
    baseline.parts
  )
}
</ul></div>`
}

const inARow = (parts: Model["times"]["parts"]): Model["times"]["parts"] => {
  let from = 0
  return parts.map((part) => {
    from += part.length
    return { ...part, from: from - part.length }
  })
}

const bar = (agent: AgentView, model: Model, ends: ReadonlyMap<string, number | undefined>): Markup | false => {
  if (agent.start === undefined || model.span === 0) {
    return false
  }
  const end = agent.end ?? model.span
  const at = (millis: number) => Element.percentOf(millis / model.span)
  const ready = agent.needs.reduce((latest, need) => Math.max(latest, ends.get(need) ?? 0), 0)
  // A bar never gets too narrow to see.
  const width = Element.percentOf(Math.max((end - agent.start) / model.span, 0.004))
  const box = (kind: string) =>
    markup`<rect class="bar ${kind}" x="${at(agent.start ?? 0)}" width="${width}" y="5" height="16" rx="4"/>`
  return markup`${
    agent.start > ready &&
    agent.needs.length > 0 &&
    markup`<line class="wait" x1="${at(ready)}" x2="${at(agent.start)}" y1="13" y2="13"/>`
  }${box(agent.tone)}${agent.tone === "bad" && box("fill-bad")}`
}

const table = (
  agents: ReadonlyArray<AgentView>
): Markup => markup`<div class="scroll" tabindex="0" role="region" aria-label="Times of the agents"><table>
<thead><tr><th scope="col">Agent</th><th scope="col">Status</th><th scope="col">After</th><th scope="col" class="n">Start</th><th scope="col" class="n">End</th><th scope="col" class="n">Took</th><th scope="col" class="n">Attempts</th></tr></thead>
<tbody>${agents.map(
  (agent) =>
    markup`<tr><th scope="row">${agent.name}</th><td>${agent.status}</td><td>${
      agent.needs.length === 0 ? "nothing" : Format.listed(agent.needs)
    }</td><td class="n">${Format.duration(agent.start)}</td><td class="n">${Format.duration(agent.end)}</td><td class="n">${Format.duration(
      agent.duration
    )}</td><td class="n">${agent.attempts ?? Format.none}</td></tr>`
)}</tbody></table></div>`

const describe = (model: Model): string =>
  `Timeline of ${Format.counted(model.agents.length, "agent")} over ${Format.duration(model.span)}, at most ${
    model.times.peak
  } at work at once. ${model.agents
    .slice(0, 8)
    .map((agent) =>
      agent.start === undefined
        ? `${agent.name}: ${agent.status}, did not start.`
        : `${agent.name}: ${agent.status}, from ${Format.duration(agent.start)}${
            agent.end === undefined ? "" : ` to ${Format.duration(agent.end)}`
          }.`
    )
    .join(" ")} The table below has all times.`

const anchorAt = (at: number, span: number): string => (at === 0 ? "start" : at / span > 0.94 ? "end" : "middle")
