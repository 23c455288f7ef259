/**
 * `sartor report`
 *
 * @since 0.1.0
 */
import { type Census, Narrator, WorkflowRuns } from "@sartor/core"
import { Effect, Option } from "effect"
import type { ReportInput } from "../report/ReportInput.ts"
import { Command } from "effect/cli"
import * as Arguments from "../Arguments.ts"
import * as Claude from "../Claude.ts"
import * as Failure from "../Failure.ts"
import { Output } from "../Output.ts"
import * as RunReport from "../RunReport.ts"
import * as Transport from "../Transport.ts"

/**
 * @category commands
 * @since 0.1.0
 */
export const report = Command.make(
  "report",
  {
    run: Arguments.runId,
    html: Arguments.text("html", "file", "Write it as one HTML file instead"),
    markdown: Arguments.text("markdown", "file", "Write it as Markdown instead"),
    prose: Arguments.toggle("prose", "Let Claude put it into words too: only what cites its sources is shown"),
    baseline: Arguments.text("baseline", "run", "A sequential run of the same workflow to compare it with")
  },
  Effect.fnUntraced(function* ({ baseline, html, markdown, prose, run: given }) {
    const output = yield* Output
    const run = yield* Arguments.readRunId(given)
    const against = Option.isNone(baseline) ? undefined : yield* Arguments.readRunId(baseline.value, "baseline")
    const htmlFile = Option.isNone(html) ? undefined : yield* RunReport.checkTarget("html", html.value)
    const markdownFile = Option.isNone(markdown) ? undefined : yield* RunReport.checkTarget("markdown", markdown.value)
    const narrator = prose ? yield* Claude.narrator : undefined
    const found = yield* Transport.working(
      Effect.gen(function* () {
        const shown = yield* Effect.flatMap(WorkflowRuns.document(run), RunReport.inputOf)
        if (against === undefined) return shown
        const compared = yield* WorkflowRuns.document(against)
        if (compared.workflow !== shown.workflow) {
          const message = `run ${against} is one of "${compared.workflow}", not of "${shown.workflow}"`
          return yield* Failure.badInput(message, { field: "baseline" })
        }
        return { ...shown, baseline: compared }
      })
    )
    const input = narrator === undefined ? found : { ...found, prose: yield* Effect.provide(inWords(found), narrator) }
    if (htmlFile !== undefined) yield* RunReport.write(input, "html", htmlFile)
    if (markdownFile !== undefined) yield* RunReport.write(input, "markdown", markdownFile)
    if (htmlFile !== undefined || markdownFile !== undefined) {
      const files = {
        ...(htmlFile === undefined ? {} : { html: htmlFile }),
        ...(markdownFile === undefined ? {} : { markdown: markdownFile })
      }
      return yield* output.print(
        { run_id: run, ...files },
        () => `The report is in ${Object.values(files).join(" and ")}`
      )
    }
    yield* output.print(input, (look) => RunReport.inTerminal(input, look))
  })
).pipe(
  Command.withDescription("Show what came out of a run, on the terminal, as one HTML file or as Markdown"),
  Command.withExamples([
    { command: "sartor report site-audit-0k3f9d2m" },
    { command: "sartor report site-audit-0k3f9d2m --prose --html report.html", description: "With a text by Claude" },
    { command: "sartor report site-audit-0k3f9d2m --html report.html --baseline site-audit-7h2k4n1p" }
  ])
)

/** Each synthesis in words; why there are none is told on stderr. */
const inWords = Effect.fnUntraced(function* ({ agents, synthesis = {} }: ReportInput) {
  const output = yield* Output
  const reportOf = (name: string): ReadonlyArray<Census.Report> =>
    agents
      .filter((agent) => agent.name === name)
      .map(({ result }) => ({ agent: name, outcome: "complete", ...(result === undefined ? {} : { result }) }))
  const told = yield* Effect.forEach(Object.entries(synthesis), ([step, synthesized]) =>
    Effect.gen(function* () {
      const needs = agents.find(({ name }) => name === step)?.needs ?? []
      const narrative = yield* Narrator.narrate(synthesized, needs.flatMap(reportOf))
      if (narrative.refused !== undefined) {
        yield* output.note(`sartor: ${step} is not put into words, the summary stands: ${narrative.refused}`)
      }
      return [step, narrative] as const
    })
  )
  return Object.fromEntries(told)
})
