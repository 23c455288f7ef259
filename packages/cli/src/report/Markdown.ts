/**
 * Renders a run as Markdown, for a ticket, a wiki or a pull request.
 *
 * @since 0.1.0
 */
import * as Findings from "./Findings.ts"
import * as Format from "./Format.ts"
import * as Model from "./Model.ts"
import type { ReportInput } from "./ReportInput.ts"
import * as Text from "./Text.ts"

/**
 * The report in GitHub's flavour of Markdown. What agents said is text in it, never markup.
 *
 * @category rendering
 * @since 0.1.0
 */
export const renderMarkdown = (input: ReportInput): string => {
  const model = Model.make(input)
  const sections = [
    overview(model),
    conclusion(model),
    section("In words", prose(model)),
    section("Conflicts", conflicts(model)),
    section("Insights", insights(model)),
    section("Agreements", agreements(model)),
    section("Claims", claims(model)),
    section("Agents", agents(model)),
    section("Census", census(model))
  ]
  return `${sections
    .filter((lines) => lines.length > 0)
    .map((lines) => lines.join("\n"))
    .join("\n\n")}\n`
}

type Lines = ReadonlyArray<string>

const limit = 200

const section = (title: string, lines: Lines): Lines => (lines.length === 0 ? [] : [`## ${title}`, "", ...lines])

const overview = (model: Model.Model): Lines => [
  `# ${plain(model.workflow)}: ${plain(model.status)}`,
  "",
  plain(model.verdict),
  "",
  ...[
    `Run ${plain(model.runId)}`,
    model.startedAt === undefined ? undefined : `started ${plain(Format.time(model.startedAt))}`,
    model.times.wall === undefined ? undefined : `took ${Format.duration(model.times.wall)}`,
    model.times.saved === undefined ? undefined : `${Format.saved(model.times.saved)} against one agent after the other`
  ]
    .filter((part) => part !== undefined)
    .join(", ")
    .split("\n")
]

const conclusion = ({ conclusion }: Model.Model): Lines =>
  conclusion?.summary === undefined
    ? []
    : [
        "## Conclusion",
        "",
        ...conclusion.summary.split("\n").map((line) => `${plain(line)}  `),
        "",
        `*As ${plain(conclusion.name)} put it, from the synthesis below.*`
      ]

const prose = ({ censuses }: Model.Model): Lines =>
  censuses.flatMap(({ prose, step }) =>
    prose === undefined
      ? []
      : [
          ...prose.split("\n").map(plain),
          "",
          `*A narrator wrote this of the synthesis ${plain(step)}. What is in brackets is below, or in the run document.*`
        ]
  )

const conflicts = (model: Model.Model): Lines => [
  ...model.conflicts.slice(0, limit).flatMap((conflict) => conflictLines(conflict, model.runId)),
  ...more(model.conflicts.length, "conflict")
]

const conflictLines = (conflict: Findings.Conflict, runId: string): Lines => {
  const shared = Findings.sharedClaim(conflict)
  const command = Findings.answerTo(conflict, runId)
  const about = [conflict.type, conflict.severity, conflict.blocking ? "**blocking**" : undefined]
  return [
    `### ${plain(conflict.topic)}`,
    "",
    `${about.filter((part) => part !== undefined).join(", ")}${shared === undefined ? "" : `: ${inline(shared)}`}`,
    "",
    "| side | says | confidence | evidence |",
    "| --- | --- | --- | --- |",
    ...conflict.sides
      .slice(0, limit)
      .map(
        (side) =>
          `| ${plain(side.agents.join(", "))}${side.minority ? " (minority)" : ""}${side.upheld ? " (upheld)" : ""} | ${[
            stances[side.stance],
            ...(shared === undefined ? [inline(side.claim)] : [])
          ].join(": ")} | ${Format.confidence(side.confidence)} | ${evidence(side.evidence)} |`
      ),
    "",
    ...(conflict.merge === undefined ? [] : mergeLines(conflict.merge)),
    ...(conflict.settled === undefined
      ? []
      : [`Settled by **${plain(conflict.settled.by)}**: ${inline(conflict.settled.statement)}`, ""]),
    ...(command === undefined ? [] : [`It waits for a decision: \`${command}\``, ""])
  ]
}

const mergeLines = ({ clean, hunks, more }: NonNullable<Findings.Conflict["merge"]>): Lines =>
  clean
    ? ["The changes do not touch and were merged.", ""]
    : [
        ...hunks.flatMap(({ line, sides }) => [
          `Line ${Format.count(line)}:`,
          "",
          ...sides.flatMap(({ agents, text }) => [`${plain(agents.join(", "))}:`, "", ...block(text), ""])
        ]),
        ...(more > 0 ? [`and ${Format.counted(more, "more place")}`, ""] : [])
      ]

const insights = (model: Model.Model): Lines => [
  ...model.insights.slice(0, limit).map(({ kind, statement }) => `- **${plain(kind)}**: ${inline(statement)}`),
  ...more(model.insights.length, "insight")
]

const agreements = (model: Model.Model): Lines => [
  ...model.agreements
    .slice(0, limit)
    .map(
      ({ agents, claim, confidence, similarity, topic }) =>
        `- **${plain(topic)}**: ${inline(claim)} (${plain(agents.join(", "))}; confidence ${Format.confidence(confidence)}${
          similarity === undefined ? "" : `; in other words, ${Format.confidence(similarity)} alike`
        })`
    ),
  ...more(model.agreements.length, "agreement")
]

const claims = (model: Model.Model): Lines =>
  model.claims.length === 0
    ? []
    : [
        "| severity | claim | agent | confidence | evidence |",
        "| --- | --- | --- | --- | --- |",
        ...model.claims
          .slice(0, 5 * limit)
          .map(
            (claim) =>
              `| ${claim.severity} | ${claim.stance === "support" ? "" : `*${stances[claim.stance]}*: `}${inline(claim.text)} | ${plain(
                claim.agent
              )} | ${Format.confidence(claim.confidence)} | ${evidence(claim.evidence)} |`
          ),
        ...(model.claims.length > 5 * limit
          ? ["", `and ${Format.counted(model.claims.length - 5 * limit, "more claim")}`]
          : [])
      ]

const agents = (model: Model.Model): Lines =>
  model.agents.length === 0
    ? []
    : [
        "| agent | status | took | summary |",
        "| --- | --- | --- | --- |",
        ...model.agents
          .slice(0, limit)
          .map(
            (agent) =>
              `| ${plain(agent.name)} | ${plain(agent.status)} | ${Format.duration(agent.duration)} | ${inline(
                Text.line(agent.reason ?? agent.summary ?? "", 300)
              )} |`
          ),
        ...(model.agents.length > limit ? ["", `and ${Format.counted(model.agents.length - limit, "more agent")}`] : [])
      ]

const census = (model: Model.Model): Lines =>
  model.censuses.map(
    ({ byAgent, confidence, expected, parts, status, step }) =>
      `- **${plain(step)}**: ${plain(status)}, confidence ${Format.confidence(confidence)}; ${Format.counted(
        expected,
        "agent"
      )} expected = ${parts.map(({ count, name }) => `${Format.count(count)} ${name}`).join(" + ")}${byAgent
        .filter(({ outcome }) => outcome !== "reported")
        .slice(0, limit)
        .map(({ agent, outcome }) => `; ${plain(agent)} ${plain(outcome)}`)
        .join("")}`
  )

const stances = { support: "supports", oppose: "opposes", uncertain: "is uncertain" }

const more = (total: number, noun: string): Lines =>
  total > limit ? ["", `and ${Format.counted(total - limit, `more ${noun}`)}, all in the run document`] : []

const evidence = (items: ReadonlyArray<string>): string =>
  items.length === 0
    ? "none"
    : [
        ...items.slice(0, 8).map((item) => inline(Text.line(item, 200))),
        ...(items.length > 8 ? [`${items.length - 8} more`] : [])
      ].join("<br>")

/** Text of more than one line, within one. */
const inline = (text: string): string => text.split("\n").map(plain).join("<br>")

/** Text in which nothing is markup: what could be is escaped, and nothing becomes a link by itself. */
const plain = (text: string): string =>
  text
    .replace(/[\\`*_{}[\]()#+!|~$^=-]/g, "\\$&")
    .replaceAll("&", "&amp;")
    .replaceAll("<", "&lt;")
    .replaceAll(">", "&gt;")
    .replace(/^(\s*\d+)\. /, "$1\\. ")
    .replace(/@/g, "@\u200b")

/** Lines of a file in a fence that none of them can close. */
const block = (text: string): Lines => {
  const longest = (text.match(/`+/g) ?? []).reduce((most, run) => Math.max(most, run.length), 2)
  const fence = "`".repeat(longest + 1)
  return [fence, ...(text === "" ? "(removed)" : text).split("\n"), fence]
}
