/**
 * What `sartor monitor` shows: everything that is there, as a document, as text, and as what fits a terminal.
 *
 * @since 0.1.0
 */
import { Alert, Alerts, type LegacyFiles, Queue, Session, Sessions, Wakes, WorkflowRuns } from "@sartor/core"
import { Clock, DateTime, Effect, Struct } from "effect"
import * as RunsList from "./commands/RunsList.ts"
import * as WakeList from "./commands/WakeList.ts"
import * as Documents from "./Documents.ts"
import * as Agents from "./legacy/Agents.ts"
import type { Look } from "./Output.ts"
import * as Format from "./report/Format.ts"
import * as Text from "./report/Text.ts"
import * as Table from "./Table.ts"

/**
 * Reads everything as it is now.
 *
 * @category constructors
 * @since 0.1.0
 */
export const look = Effect.gen(function* () {
  const queue = yield* Queue.Queue
  const sessions = yield* Sessions.Sessions.use((sessions) => sessions.list())
  const runs = yield* WorkflowRuns.list()
  const wakes = yield* Wakes.Wakes.use((wakes) => wakes.pending())
  const agents = yield* Agents.listed({})
  const messages = yield* Agents.waiting(undefined)
  // Leases, permits and the roster are kept as queues too, and are nothing to watch.
  const names = (yield* queue.names()).filter((name) => !/^(?:(?:owner|permits)\/|roster$)/.test(name))
  const queues = yield* Effect.forEach(names, (name) =>
    Effect.map(queue.statistics(name), ({ dead, delayed, inFlight, oldestAge, ready }) => ({
      name,
      ready,
      in_flight: inFlight,
      delayed,
      dead,
      oldest_age_ms: oldestAge
    }))
  ).pipe(Effect.catchTag("InvalidKey", Effect.die))
  const states = yield* Effect.forEach(
    runs.filter(({ status }) => isLiveRun(status)),
    ({ run_id }) =>
      Effect.map(
        Effect.flatMap(WorkflowRuns.open(run_id), ({ refresh }) => refresh),
        (state) => [run_id, state] as const
      )
  )
  const now = yield* Clock.currentTimeMillis
  const alerts = Alerts.standing({ now, sessions, wakes, runs: new Map(states) })
  const seen: Seen = { now, agents, alerts, messages, sessions, runs, wakes, queues }
  return seen
})

/**
 * What there was when somebody looked.
 *
 * @category models
 * @since 0.1.0
 */
export interface Seen {
  readonly now: number
  readonly agents: ReadonlyArray<LegacyFiles.Status>
  readonly alerts: ReadonlyArray<Alert.Alert>
  readonly messages: ReadonlyArray<LegacyFiles.Wake>
  readonly sessions: ReadonlyArray<Session.Session>
  readonly runs: ReadonlyArray<WorkflowRuns.Summary>
  readonly wakes: ReadonlyArray<Wakes.Pending>
  readonly queues: ReadonlyArray<{
    readonly name: string
    readonly ready: number
    readonly in_flight: number
    readonly delayed: number
    readonly dead: number
    readonly oldest_age_ms: number
  }>
}

/**
 * @category rendering
 * @since 0.1.0
 */
export const document = ({ agents, alerts, messages, now, queues, runs, sessions, wakes }: Seen) => ({
  at: DateTime.formatIso(DateTime.makeUnsafe(now)),
  sessions: [...sessions.map(Documents.session), ...agents.map(Documents.agent)],
  runs,
  queues,
  wakes: WakeList.documents(wakes, messages),
  alerts: alerts.map((alert) => ({ ...alert, message: Alert.message(alert) }))
})

/**
 * What has changed only if something has happened: without the times and ages that pass by themselves.
 *
 * @category rendering
 * @since 0.1.0
 */
export const fingerprint = (seen: Seen): string => {
  const { alerts, queues, ...rest } = Struct.omit(document(seen), ["at"])
  const counts = queues.map((queue) => Struct.omit(queue, ["oldest_age_ms"]))
  const reasons = alerts.map((alert) => Struct.omit(alert, ["message", "value"]))
  return JSON.stringify([rest, counts, reasons])
}

/** A part of the screen. Where there is no room its last rows go first, and those of later parts. */
interface Section {
  readonly title: string
  readonly total: number
  readonly count: number
  /** The first rows, under headings. */
  readonly table: (look: Look, count: number) => string
}

const sectionsOf = (now: number, seen: Seen): ReadonlyArray<Section> => {
  const { agents, alerts, messages, wakes } = seen
  const runs = mostTelling(seen.runs, ({ status }) => isLiveRun(status))
  const sessions = mostTelling(seen.sessions, ({ status }) => !Session.isEnded(status))
  const queues = seen.queues.filter(({ dead, delayed, in_flight, ready }) => ready + in_flight + delayed + dead > 0)
  return [
    {
      title: "ALERTS",
      total: alerts.length,
      count: alerts.length,
      table: (look, count) =>
        Table.rows(
          look,
          ["ALERT", "WHAT"],
          alerts.slice(0, count).map((alert) => [alert.type, Alert.message(alert)])
        )
    },
    {
      title: "SESSIONS",
      total: seen.sessions.length + agents.length,
      count: sessions.length + agents.length,
      table: (look, count) =>
        Table.rows(
          look,
          ["SESSION", "ROLE", "STATUS", "RUN", "UPDATED", "LAST"],
          [...sessions.map(sessionRow(now)), ...agents.map(agentRow(now))].slice(0, count)
        )
    },
    {
      title: "RUNS",
      total: seen.runs.length,
      count: runs.length,
      table: (look, count) => RunsList.table(look, now, runs.slice(0, count))
    },
    {
      title: "WAITING WAKES",
      total: wakes.length + messages.length,
      count: wakes.length + messages.length,
      table: (look, count) =>
        WakeList.table(look, now, wakes.slice(0, count), messages.slice(0, Math.max(0, count - wakes.length)))
    },
    {
      title: "QUEUES IN USE",
      total: queues.length,
      count: queues.length,
      table: (look, count) =>
        Table.rows(
          look,
          ["QUEUE", "READY", "IN FLIGHT", "DELAYED", "DEAD", "OLDEST"],
          queues
            .slice(0, count)
            .map(({ dead, delayed, in_flight, name, oldest_age_ms, ready }) => [
              name,
              String(ready),
              String(in_flight),
              String(delayed),
              String(dead),
              ready > 0 ? Format.duration(oldest_age_ms + Math.max(0, now - seen.now)) : ""
            ])
        )
    }
  ]
}

const sessionRow = (now: number) => (session: Session.Session) => [
  session.session_id,
  session.role,
  session.status,
  String(session.run),
  Table.ago(now, session.updated_at),
  lastOf(session)
]

const agentRow = (now: number) => (status: LegacyFiles.Status) => {
  const { role, session_id, status: state, task_type, updated_at } = Documents.agent(status)
  return [session_id, role, state, "legacy", Table.ago(now, updated_at), task_type]
}

/** What it came to, else what it has reached, else what it has to do. */
const lastOf = ({ checkpoints, error, prompt, result, status, task_type }: Session.Session): string => {
  if (status === "complete" && result !== undefined) return result.summary
  if ((status === "failed" || status === "blocked") && error !== undefined) return error.message
  const point = checkpoints.at(-1)
  if (point !== undefined) {
    return `${point.phase}/${point.milestone}${point.details === "" ? "" : `: ${point.details}`}`
  }
  return prompt === "" ? task_type : `${task_type}: ${prompt}`
}

/**
 * Everything that is still going on, and the newest of what has ended.
 *
 * @category rendering
 * @since 0.1.0
 */
export const text = (look: Look, seen: Seen): string =>
  sectionsOf(seen.now, seen)
    .map((section) => {
      const table = section.total === 0 ? "" : section.table(look, section.count)
      return `${headingOf(section, section.count)}\n${table}`
    })
    .join("\n")

/**
 * The same as lines of at most `width` columns and `rows - 1` in number: what has the most rows gives them up first.
 *
 * @category rendering
 * @since 0.1.0
 */
export const frame = (
  seen: Seen,
  now: number,
  title: string,
  look: Look & { readonly rows: number }
): ReadonlyArray<string> => {
  const sections = sectionsOf(now, seen)
  const counts = shares(
    sections.map(({ count }) => count),
    look.rows - 2
  )
  const ellipsis = look.unicode ? "…" : "..."
  const paint = (code: string, line: string) => (look.color ? `\u001b[${code}m${line}\u001b[0m` : line)
  const fit = (line: string) => Text.fit(line, look.width, ellipsis)
  return [
    paint("1", fit(`${title}  ${DateTime.formatIso(DateTime.makeUnsafe(now)).slice(11, 19)} UTC`)),
    ...sections.flatMap((section, index) => {
      const count = counts[index] ?? 0
      const heading = paint(
        section.title === "ALERTS" && section.total > 0 ? "1;31" : "1",
        fit(headingOf(section, count))
      )
      if (count === 0) return [heading]
      const [headings = "", ...rows] = section
        .table({ ...look, color: false }, count)
        .trimEnd()
        .split("\n")
        .map(fit)
      return [heading, paint("2", headings), ...rows]
    })
  ].slice(0, Math.max(1, look.rows - 1))
}

/** How many rows of each section there is room for, with its heading and those of its columns. */
const shares = (counts: ReadonlyArray<number>, room: number): ReadonlyArray<number> => {
  const lines = (counts: ReadonlyArray<number>) =>
    counts.reduce((sum, count) => sum + 1 + (count === 0 ? 0 : count + 1), 0)
  let kept = counts.map((count) => Math.min(count, Math.max(0, room)))
  while (lines(kept) > room && kept.some((count) => count > 0)) {
    const longest = kept.lastIndexOf(Math.max(...kept))
    kept = kept.map((count, index) => (index === longest ? count - 1 : count))
  }
  return kept
}

const headingOf = ({ title, total }: Section, shown: number) =>
  total === 0
    ? `${title}: none`
    : `${title}: ${Format.count(total)}${shown < total ? `, ${Format.count(shown)} of them here` : ""}`

const isLiveRun = (status: WorkflowRuns.Summary["status"]) =>
  status === "running" || status === "interrupted" || status === "blocked"

/** What is going on, and then the newest of what has ended. */
const mostTelling = <A>(list: ReadonlyArray<A>, isLive: (item: A) => boolean): ReadonlyArray<A> => [
  ...list.filter(isLive),
  ...list.filter((item) => !isLive(item)).slice(0, endedLimit)
]

const endedLimit = 10
