/**
 * What happens in a run, in words.
 *
 * @since 0.1.0
 */
import { Alert, type Session, type Workflow, type WorkflowPlan, type WorkflowRun } from "@sartor/core"
import { DateTime } from "effect"
import * as Format from "./report/Format.ts"
import * as Text from "./report/Text.ts"

/**
 * Words for an event, or nothing where it says nothing new to people.
 *
 * @category rendering
 * @since 0.1.0
 */
export const words = (event: Workflow.Event): string | undefined => {
  switch (event.type) {
    case "delta":
      return undefined
    case "begun":
      return event.resumed
        ? [`goes on with run ${event.run_id}`, ...(event.plan === undefined ? [] : ofPlan(event.plan))].join("; ")
        : `run ${event.run_id}`
    case "session":
      return ofRecord(event.record)
    case "finished":
      return ofEnd(event.finished, event.remembered)
    case "alert":
      return `alert: ${Text.line(Alert.message(event.alert), 400)}`
    case "synthesized": {
      const { agreements, conflicts, insights, status } = event.synthesis
      const counts = [
        Format.counted(agreements.length, "agreement"),
        Format.counted(conflicts.length, "conflict"),
        Format.counted(insights.length, "insight")
      ]
      return `synthesis ${status}: ${counts.join(", ")}`
    }
  }
}

/**
 * What is going to be done, a clause each.
 *
 * @category rendering
 * @since 0.1.0
 */
export const ofPlan = ({ changed, dependent, dropped, open, remembered }: WorkflowPlan.Plan): ReadonlyArray<string> => {
  const clause = (names: ReadonlyArray<string>, what: string) =>
    names.length === 0 ? [] : [`${what}: ${Text.line(names.join(", "), 400)}`]
  return [
    ...clause(remembered, "remembered"),
    ...clause(changed, "changed, runs again"),
    ...clause(dependent, "runs again if what it needs comes out differently"),
    ...clause(open, "runs"),
    ...clause(dropped, "no longer in the file")
  ]
}

/**
 * What an agent says in the end of what it has done.
 *
 * @category rendering
 * @since 0.1.0
 */
export const summaryOf = (event: Workflow.Event): string | undefined =>
  event.type === "session" && event.record.type === "ended" && event.record.result !== undefined
    ? Text.line(event.record.result.summary, 200)
    : undefined

const ofRecord = (record: Session.Record): string | undefined => {
  switch (record.type) {
    case "started":
      return record.run === 1 ? "started" : `started, run ${record.run}`
    case "turn":
      return Text.line(record.text, 400)
    case "checkpoint": {
      const point = `checkpoint ${record.phase}/${record.milestone}`
      return Text.line(record.details === "" ? point : `${point}: ${record.details}`, 400)
    }
    case "finding":
      return Text.line(`finding: ${record.wake.summary ?? ""}`, 400)
    case "attempt_failed":
      return Text.line(`failed (${record.error.code}), tries again: ${record.error.message}`, 400)
    case "suspended":
      return `suspended: ${Text.line(record.reason, 200)}`
    default:
      return undefined
  }
}

const ofEnd = ({ error, finished_at, started_at, status }: WorkflowRun.Finished, remembered: boolean): string => {
  if (remembered) return `${status}, from before`
  const why = error === undefined || status === "complete" ? "" : `: ${Text.line(error.message, 400)}`
  const took =
    started_at === undefined || finished_at === undefined
      ? ""
      : ` after ${Format.duration(millis(finished_at) - millis(started_at))}`
  return `${status}${took}${why}`
}

const millis = (time: string) => DateTime.toEpochMillis(DateTime.makeUnsafe(time))

/**
 * Writes events as lines: the time since the beginning, the agent, what happened.
 *
 * @category rendering
 * @since 0.1.0
 */
export const lines = (options: { readonly since: number; readonly names: ReadonlyArray<string> }) => {
  const width = options.names.reduce((most, name) => Math.max(most, name.length), 0)
  const summaries = new Map<string, string>()
  return (event: Workflow.Event, at: number): string | undefined => {
    const summary = summaryOf(event)
    if (event.type === "session" && summary !== undefined) summaries.set(event.agent, summary)
    const told = words(event)
    if (told === undefined) return undefined
    const known = event.type === "finished" ? summaries.get(event.finished.agent) : undefined
    const text = known === undefined ? told : `${told}: ${known}`
    const time = `+${((at - options.since) / 1000).toFixed(1)}s`
    const agent =
      event.type === "begun" || event.type === "alert"
        ? ""
        : `${event.type === "finished" ? event.finished.agent : event.agent}`
    return `${time.padEnd(7)} ${agent === "" ? "" : `${agent.padEnd(width)}  `}${text}`
  }
}
