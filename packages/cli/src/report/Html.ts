/**
 * Renders a run as one HTML file that loads nothing and runs nothing.
 *
 * @since 0.1.0
 */
import * as Format from "./Format.ts"
import * as Account from "./html/Account.ts"
import * as Citation from "./html/Citation.ts"
import * as Claims from "./html/Claims.ts"
import * as Conflicts from "./html/Conflicts.ts"
import * as Element from "./html/Element.ts"
import * as Prose from "./html/Prose.ts"
import * as Timeline from "./html/Timeline.ts"
import { markup, Markup } from "./Markup.ts"
import * as Model from "./Model.ts"
import type { ReportInput } from "./ReportInput.ts"
import { css, cssHash } from "./style.ts"

/**
 * The report as one file. Its size is bounded: what is left out is counted, and stands in the run document.
 *
 * @category rendering
 * @since 0.1.0
 */
export const renderHtml = (input: ReportInput): string => {
  const model = Model.make(input)
  const sections = sectionsOf(model)
  return markup`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src '${cssHash}'; base-uri 'none'; form-action 'none'">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta name="referrer" content="no-referrer">
<title>${model.workflow}: ${model.status}, run ${model.runId}</title>
<style>${new Markup(css)}</style>
</head>
<body id="top">
<a class="skip" href="#main">Skip to the report</a>
<header class="masthead"><div class="wrap">
<p class="eyebrow">Sartor run report</p>
<h1>${model.workflow}</h1>
<hr class="stitch">
<p class="verdict">${Element.status(model.status, model.tone)} ${model.verdict}</p>
<dl class="facts"><div><dt>Run</dt><dd class="mono">${model.runId}</dd></div>${
    model.startedAt !== undefined && markup`<div><dt>Started</dt><dd>${Format.time(model.startedAt)}</dd></div>`
  }${model.finishedAt !== undefined && markup`<div><dt>Finished</dt><dd>${Format.time(model.finishedAt)}</dd></div>`}</dl>
</div></header>
<nav class="contents" aria-label="Sections"><ul class="wrap">${sections.map(
    ({ count, id, title }) =>
      markup`<li><a href="#${id}">${title}${count !== undefined && markup` <span class="num">${Format.count(count)}</span>`}</a></li>`
  )}</ul></nav>
<main id="main" class="wrap" tabindex="-1">
${sections.map(
  ({ content, id, lead, title }) => markup`<section id="${id}" aria-labelledby="${id}-t">
<h2 id="${id}-t">${title}</h2>
${lead !== undefined && markup`<p class="lead">${lead}</p>`}
${content}
</section>`
)}
</main>
<footer class="foot"><div class="wrap">
<p>Made by Sartor from the document of run <span class="mono">${model.runId}</span>. This file loads nothing and runs no script.</p>
<p class="top"><a href="#top">Back to the top</a></p>
</div></footer>
</body>
</html>
`.text
}

interface Section {
  readonly id: string
  readonly title: string
  readonly count?: number | undefined
  readonly lead?: string | undefined
  readonly content: Markup | ReadonlyArray<Markup>
}

const sectionsOf = (model: Model.Model): ReadonlyArray<Section> => {
  const citations = Citation.make(model)
  const drawn = Model.mostTelling(model.agents, 150)
  const merged = model.censuses.length > 0
  const listed = Model.mostTelling(model.agents, Citation.findingLimit)
  return [
    ...(model.conclusion === undefined
      ? []
      : [{ id: "conclusion", title: "Conclusion", content: Account.conclusion(model.conclusion) }]),
    ...Prose.sections(model, citations),
    { id: "overview", title: "At a glance", content: overview(model) },
    ...(merged ? synthesized(model, citations) : []),
    {
      id: "claims",
      title: "Claims",
      count: model.claims.length,
      lead: model.claims.length === 0 ? "No agent made a claim." : "As the agents made them, worst first.",
      content: Claims.claims(model, citations)
    },
    {
      id: "agents",
      title: "Agents",
      count: model.agents.length,
      lead: model.agents.length === 0 ? "The run had no agents." : undefined,
      content: [...listed.map((agent) => Account.agent(agent, citations)), ...cut(model.agents, listed.length, "agent")]
    },
    {
      id: "timeline",
      title: "Timeline",
      lead:
        drawn.length === 0
          ? "Nothing ran."
          : "In the order of their start: an agent starts when those that it needs have ended.",
      content:
        drawn.length === 0
          ? []
          : [Timeline.timeline(model, drawn), ...(model.times.wall === undefined ? [] : [Timeline.comparison(model)])]
    },
    ...(merged
      ? [
          {
            id: "census",
            title: "Census",
            lead: "Every agent that a synthesis expected, and what became of it.",
            content: model.censuses.map((census) => Account.census(census, model.censuses.length === 1))
          }
        ]
      : []),
    ...(model.metrics.length === 0
      ? []
      : [{ id: "metrics", title: "Metrics", content: Account.metrics(model.metrics.slice(0, Citation.findingLimit)) }])
  ]
}

const synthesized = (model: Model.Model, citations: Citation.Citations): ReadonlyArray<Section> => {
  const limit = Citation.findingLimit
  return [
    {
      id: "conflicts",
      title: "Conflicts",
      count: model.conflicts.length,
      lead:
        model.conflicts.length === 0
          ? "None among the agents that reported."
          : "Where the agents do not agree. Nothing was averaged away: both sides stand with their evidence.",
      content: [
        ...model.conflicts.slice(0, limit).map((each) => Conflicts.conflict(each, citations)),
        ...cut(model.conflicts, limit, "conflict")
      ]
    },
    {
      id: "insights",
      title: "Insights",
      count: model.insights.length,
      lead:
        model.insights.length === 0
          ? "The claims support nothing that no agent said by itself."
          : "What several agents’ claims support together and none said alone.",
      content:
        model.insights.length === 0
          ? []
          : [
              markup`<ul class="insights">${model.insights
                .slice(0, limit)
                .map((insight) => Conflicts.insight(insight, citations))}</ul>`,
              ...cut(model.insights, limit, "insight")
            ]
    },
    {
      id: "agreements",
      title: "Agreements",
      count: model.agreements.length,
      lead: model.agreements.length === 0 ? "No claim was made by more than one agent." : undefined,
      content:
        model.agreements.length === 0
          ? []
          : [
              markup`<ul class="card agreements">${model.agreements
                .slice(0, limit)
                .map((agreement) => Conflicts.agreement(agreement, citations))}</ul>`,
              ...cut(model.agreements, limit, "agreement")
            ]
    }
  ]
}

const overview = (model: Model.Model): Markup => {
  const { baseline, times } = model
  const complete = model.agents.filter((agent) => agent.tone === "good").length
  const blocking = model.conflicts.filter((conflict) => conflict.blocking).length
  const confidence = model.censuses.at(-1)?.confidence
  const worst = Model.countBySeverity(model.claims).slice(0, 2)
  return markup`<dl class="figures">
${figure("Claims", Format.count(model.claims.length), worst.map(({ count, severity }) => `${Format.count(count)} ${severity}`).join(", "))}
${
  model.censuses.length > 0 &&
  figure(
    "Conflicts kept",
    Format.count(model.conflicts.length),
    blocking === 0 ? "none blocking" : `${Format.count(blocking)} blocking`
  )
}
${confidence !== undefined && figure("Confidence", Format.confidence(confidence), `of the synthesis, ${model.censuses.at(-1)?.status}`)}
${figure("Agents complete", `${Format.count(complete)} of ${Format.count(model.agents.length)}`, times.peak > 1 && `up to ${times.peak} at once`)}
${figure("Wall time", Format.duration(times.wall), times.sum !== undefined && `${Format.duration(times.sum)} of agents’ work`)}
${
  baseline?.savedAgainst === undefined
    ? figure("Time saved", Format.percent(times.saved), "against the sum of the agents’ times")
    : figure(
        "Time saved",
        Format.percent(baseline.savedAgainst),
        `against a sequential run of ${Format.duration(baseline.wall)}`
      )
}
</dl>
${troubles(model)}
${model.censuses
  .filter((census) => census.summary !== "")
  .map(
    (census) =>
      markup`<div class="card top">${model.censuses.length > 1 && markup`<h3>${census.step}</h3>`}<p class="prose">${census.summary}</p></div>`
  )}`
}

const troubles = (model: Model.Model): Markup | false => {
  const troubled = model.agents.filter((agent) => agent.tone !== "good")
  return (
    troubled.length > 0 &&
    markup`<div class="card"><h3>Not complete</h3><ul class="troubles">${troubled
      .slice(0, 10)
      .map(
        (agent) =>
          markup`<li>${Element.status(agent.status, agent.tone)} <a href="#${Element.anchor("agent", agent.name)}">${
            agent.name
          }</a>${agent.reason !== undefined && markup` <span>${agent.reason}</span>`}</li>`
      )}</ul>${cut(troubled, 10, "agent")}</div>`
  )
}

const figure = (name: string, value: string, note: string | false): Markup =>
  markup`<div><dt>${name}</dt><dd>${value}</dd>${note !== false && note !== "" && markup`<dd class="note">${note}</dd>`}</div>`

const cut = (items: ReadonlyArray<unknown>, limit: number, noun: string): ReadonlyArray<Markup> =>
  items.length > limit
    ? [
        markup`<p class="muted">and ${Format.counted(items.length - limit, `more ${noun}`)}, all in the run document</p>`
      ]
    : []
