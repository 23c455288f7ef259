/**
 * Renders a run as text for a terminal.
 *
 * @since 0.1.0
 */
import * as Findings from "./Findings.ts"
import * as Format from "./Format.ts"
import * as Model from "./Model.ts"
import type { ReportInput } from "./ReportInput.ts"
import * as Sheet from "./Sheet.ts"
import * as Text from "./Text.ts"

/**
 * The report as lines of at most `width` columns, without a control character that `color` does not ask for.
 *
 * @category rendering
 * @since 0.1.0
 */
export const renderTerminal = (
  input: ReportInput,
  options: {
    readonly color: boolean
    /** Between 40 and 200; beyond that the nearer of the two. */
    readonly width: number
    /** Draw with more than ASCII; as `color` by default. */
    readonly unicode?: boolean | undefined
  }
): string => {
  const sheet = Sheet.make(options)
  const model = Model.make(input)
  return [
    header(model, sheet),
    conclusion(model, sheet),
    prose(model, sheet),
    timeline(model, sheet),
    claims(model, sheet),
    conflicts(model, sheet),
    insights(model, sheet),
    census(model, sheet),
    times(model, sheet)
  ]
    .filter((lines) => lines.length > 0)
    .map((lines) => lines.map((line) => `${line.trimEnd()}\n`).join(""))
    .join("\n")
}

type Lines = ReadonlyArray<string>

const agentLimit = 40
const claimLimit = 10
const conflictLimit = 20
const sideLimit = 12
const insightLimit = 6

const header = (model: Model.Model, sheet: Sheet.Sheet): Lines => {
  const status = Text.fit(model.status, 16, sheet.ellipsis)
  const title = Text.fit(model.workflow, sheet.width - 2 - Text.cells(status), sheet.ellipsis)
  return [
    `${sheet.paint("bold", title)}  ${sheet.paint(model.tone, status)}`,
    ...Text.wrap(model.verdict, sheet.width),
    ...sheet.muted(
      [
        `run ${model.runId}`,
        ...(model.startedAt === undefined ? [] : [`started ${Format.time(model.startedAt)}`])
      ].join(", ")
    )
  ]
}

const conclusion = ({ conclusion }: Model.Model, sheet: Sheet.Sheet): Lines =>
  conclusion?.summary === undefined
    ? []
    : [sheet.title(`Conclusion of ${conclusion.name}`), ...Text.wrap(conclusion.summary, sheet.width)]

const prose = ({ censuses }: Model.Model, sheet: Sheet.Sheet): Lines =>
  censuses.flatMap(({ prose, step }) =>
    prose === undefined ? [] : [sheet.title(`In words: ${step}`), ...Text.wrap(prose, sheet.width)]
  )

const timeline = (model: Model.Model, sheet: Sheet.Sheet): Lines => {
  const agents = Model.mostTelling(model.agents, agentLimit)
  const names = Math.min(longest(agents.map(({ name }) => name)), Math.floor(sheet.width * 0.3))
  const notes = agents.map((agent) => ({
    took: agent.duration === undefined ? "" : Format.duration(agent.duration),
    state: [
      ...(agent.tone === "good" ? [] : [agent.status]),
      ...((agent.attempts ?? 1) > 1 ? [`${Format.count(agent.attempts ?? 1)} attempts`] : [])
    ].join(", ")
  }))
  const took = longest(notes.map((note) => note.took))
  const state = Math.min(longest(notes.map((note) => note.state)), sheet.width - names - took - 5)
  const room = sheet.width - names - took - state - 6
  const chart = room >= 12 && model.span > 0 ? room : 0
  const rows = agents.flatMap((agent, index) => {
    const note = notes[index] ?? { took: "", state: "" }
    const name = Text.pad(Text.fit(agent.name, names, sheet.ellipsis), names)
    return [
      `${sheet.paint(agent.tone, sheet.signs[agent.tone])} ${name} ${
        chart === 0 ? "" : `${bar(agent, model.span, chart, sheet)} `
      }${" ".repeat(took - Text.cells(note.took))}${note.took} ${sheet.paint(
        agent.tone,
        Text.fit(note.state, state, sheet.ellipsis)
      )}`,
      ...(agent.reason === undefined || agent.tone === "idle" ? [] : sheet.indent(2, sheet.muted(agent.reason, 2)))
    ]
  })
  const axis = chart === 0 ? [] : [sheet.paint("dim", " ".repeat(names + 3) + scale(model.span, chart))]
  return agents.length === 0
    ? []
    : [sheet.title("Agents"), ...axis, ...rows, ...sheet.more(model.agents.length - agents.length, "agent")]
}

const claims = (model: Model.Model, sheet: Sheet.Sheet): Lines => {
  const counts = Model.countBySeverity(model.claims).map(({ count, severity }) => `${Format.count(count)} ${severity}`)
  const shown = model.claims.slice(0, claimLimit)
  return shown.length === 0
    ? []
    : [
        sheet.title(`Claims: ${Format.count(model.claims.length)} (${counts.join(", ")})`),
        ...shown.flatMap((claim) => {
          const text = Text.wrap(claim.text, sheet.width - 10)
          return [
            ...text.map(
              (line, index) =>
                `${index === 0 ? sheet.paint(claim.severity, Text.pad(claim.severity, 8)) : " ".repeat(8)}  ${line}`
            ),
            ...sheet.indent(
              10,
              sheet.muted(
                [
                  claim.agent,
                  ...(claim.stance === "support" ? [] : [stances[claim.stance]]),
                  Format.confidence(claim.confidence),
                  ...evidence(claim.evidence)
                ].join(", "),
                10
              )
            )
          ]
        }),
        ...sheet.more(model.claims.length - shown.length, "claim")
      ]
}

const conflicts = (model: Model.Model, sheet: Sheet.Sheet): Lines => {
  const blocking = model.conflicts.filter((conflict) => conflict.blocking).length
  const shown = model.conflicts.slice(0, conflictLimit)
  return shown.length === 0
    ? []
    : [
        sheet.title(
          `Conflicts: ${Format.count(model.conflicts.length)} kept${
            blocking === 0 ? "" : `, ${Format.count(blocking)} blocking`
          }`
        ),
        ...shown.flatMap((conflict, index) => [...(index === 0 ? [] : [""]), ...conflictLines(conflict, sheet)]),
        ...sheet.more(model.conflicts.length - shown.length, "conflict")
      ]
}

const conflictLines = (conflict: Findings.Conflict, sheet: Sheet.Sheet): Lines => {
  const shared = Findings.sharedClaim(conflict)
  const kind = [
    conflict.type,
    ...(conflict.severity === undefined ? [] : [conflict.severity]),
    ...(conflict.blocking ? ["blocking"] : [])
  ].join(", ")
  const head = Text.wrap(`${conflict.topic}: ${kind}`, sheet.width)
  const columns = conflict.sides.slice(0, sideLimit).map((side) => (width: number) => [
    ...Text.wrap(
      `${Format.listed(side.agents)} ${stances[side.stance]} ${Format.confidence(side.confidence)}${
        side.minority ? " (minority)" : ""
      }${side.upheld ? " (upheld)" : ""}`,
      width
    ).map((line) => ({ line, style: sideStyle(side) })),
    ...(shared === undefined ? Text.wrap(side.claim, width).map((line) => ({ line, style: undefined })) : []),
    ...Text.wrap(side.evidence.length === 0 ? "no evidence" : evidence(side.evidence).join(", "), width).map(
      (line) => ({
        line,
        style: "dim" as const
      })
    )
  ])
  return [
    ...head.map((line) => sheet.paint(conflict.blocking ? "bad" : "bold", line)),
    ...(shared === undefined ? [] : sheet.indent(2, Text.wrap(shared, sheet.width - 2))),
    ...sheet.indent(2, sheet.beside(columns, 2)),
    ...sheet.more(conflict.sides.length - columns.length, "side"),
    ...(conflict.merge === undefined ? [] : mergeLines(conflict.merge, sheet)),
    ...(conflict.settled === undefined
      ? []
      : sheet.indent(
          2,
          Text.wrap(`settled by ${conflict.settled.by}: ${conflict.settled.statement}`, sheet.width - 2).map((line) =>
            sheet.paint("good", line)
          )
        ))
  ]
}

const hunkLimit = 5

const mergeLines = ({ clean, hunks, more }: NonNullable<Findings.Conflict["merge"]>, sheet: Sheet.Sheet): Lines => {
  if (clean) return sheet.indent(2, ["the changes do not touch and were merged"])
  const shown = hunks.slice(0, hunkLimit)
  const lines = shown.flatMap(({ line, sides }) => [
    `line ${Format.count(line)}`,
    ...sheet.indent(
      2,
      sheet.beside(
        sides.map(({ agents, text }) => (width: number) => [
          { line: Text.fit(Format.listed(agents), width, sheet.ellipsis), style: "bold" as const },
          ...(text === "" ? "(removed)" : text)
            .split("\n")
            .slice(0, 12)
            .map((each) => ({ line: Text.fit(each, width, sheet.ellipsis), style: undefined }))
        ]),
        4
      )
    )
  ])
  return [...sheet.indent(2, lines), ...sheet.more(hunks.length + more - shown.length, "place")]
}

const insights = (model: Model.Model, sheet: Sheet.Sheet): Lines => {
  const shown = model.insights.slice(0, insightLimit)
  return shown.length === 0
    ? []
    : [
        sheet.title(`Insights: ${Format.count(model.insights.length)}`),
        ...shown.flatMap((insight) => {
          const [first = "", ...rest] = Text.wrap(
            `${insight.kind}: ${insight.statement}${
              insight.supports.length === 0 ? "" : ` (${Format.counted(insight.supports.length, "claim")})`
            }`,
            sheet.width - 2
          )
          return [`${sheet.bullet} ${first}`, ...sheet.indent(2, rest)]
        }),
        ...sheet.more(model.insights.length - shown.length, "insight")
      ]
}

const census = (model: Model.Model, sheet: Sheet.Sheet): Lines =>
  model.censuses.length === 0
    ? []
    : [
        sheet.title("Census"),
        ...model.censuses.flatMap((each) =>
          Text.wrap(
            `${model.censuses.length > 1 ? `${each.step}: ` : ""}${each.status}, confidence ${Format.confidence(
              each.confidence
            )}: ${Format.count(each.expected)} expected = ${each.parts
              .map(({ count, name }) => `${Format.count(count)} ${name}`)
              .join(" + ")}`,
            sheet.width
          )
        )
      ]

const times = (model: Model.Model, sheet: Sheet.Sheet): Lines => {
  const { baseline, times } = model
  const rows = [
    { name: "this run", millis: times.wall, note: times.peak > 1 ? `up to ${times.peak} at once` : "", own: true },
    { name: "sum of agents", millis: times.sum, note: Format.saved(times.saved), own: false },
    {
      name: "sequential run",
      millis: baseline?.wall,
      note: baseline === undefined ? "" : `${Format.saved(baseline.savedAgainst)}; really executed, ${baseline.status}`,
      own: false
    }
  ].flatMap((row) =>
    row.millis === undefined ? [] : [{ ...row, millis: row.millis, took: Format.duration(row.millis) }]
  )
  if (rows.length === 0) {
    return []
  }
  const most = rows.reduce((most, row) => Math.max(most, row.millis), 0)
  const took = longest(rows.map((row) => row.took))
  const chart = sheet.width - 14 - took - 2
  return [
    sheet.title("Time"),
    ...rows.flatMap((row) => {
      const length = most === 0 ? 0 : Math.max(1, Math.round((row.millis / most) * chart))
      return [
        `${Text.pad(row.name, 14)} ${sheet.paint(row.own ? "good" : "dim", Text.pad(sheet.bars.good.repeat(length), chart))} ${
          " ".repeat(took - row.took.length) + row.took
        }`,
        ...(row.note === "" ? [] : sheet.indent(15, sheet.muted(row.note, 15)))
      ]
    })
  ]
}

const stances = { support: "supports", oppose: "opposes", uncertain: "is uncertain" } as const

const sideStyle = (side: Findings.Side): Sheet.Style =>
  side.stance === "oppose" ? "bad" : side.stance === "uncertain" ? "waiting" : "good"

const evidence = (items: ReadonlyArray<string>): ReadonlyArray<string> => [
  ...items.slice(0, 4).map((item) => Text.line(item, 120)),
  ...(items.length > 4 ? [`${Format.count(items.length - 4)} more`] : [])
]

const longest = (texts: ReadonlyArray<string>): number =>
  texts.reduce((most, text) => Math.max(most, Text.cells(text)), 0)

const bar = (agent: Model.AgentView, span: number, width: number, sheet: Sheet.Sheet): string => {
  if (agent.start === undefined) {
    return " ".repeat(width)
  }
  const from = Math.min(width - 1, Math.round((agent.start / span) * width))
  const to = Math.min(width, Math.max(from + 1, Math.round(((agent.end ?? span) / span) * width)))
  return `${" ".repeat(from)}${sheet.paint(agent.tone, sheet.bars[agent.tone].repeat(to - from))}${" ".repeat(width - to)}`
}

const scale = (span: number, width: number): string =>
  Format.ticks(span).reduce((drawn, tick) => {
    const label = Format.tick(tick, span)
    const at = Math.round((tick / span) * width)
    return at + label.length > width || (drawn !== "" && at < drawn.length + 2) ? drawn : drawn.padEnd(at) + label
  }, "")
