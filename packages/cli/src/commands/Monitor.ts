/**
 * `sartor monitor`
 *
 * @since 0.1.0
 */
import { Queue, Session, Sessions, Wakes, WorkflowRuns } from "@sartor/core"
import { Clock, DateTime, Effect } from "effect"
import { Command } from "effect/cli"
import * as Arguments from "../Arguments.ts"
import * as Documents from "../Documents.ts"
import * as Failure from "../Failure.ts"
import * as Agents from "../legacy/Agents.ts"
import { type Look, Output } from "../Output.ts"
import * as Format from "../report/Format.ts"
import * as Table from "../Table.ts"
import * as Transport from "../Transport.ts"
import * as RunsList from "./RunsList.ts"
import * as SessionList from "./SessionList.ts"
import * as WakeList from "./WakeList.ts"

/**
 * @category commands
 * @since 0.1.0
 */
export const monitor = Command.make(
  "monitor",
  { once: Arguments.toggle("once", "Show everything as it is now, and end") },
  Effect.fnUntraced(function* ({ once }) {
    const output = yield* Output
    if (!once) {
      return yield* Failure.badInput("the live view is not built yet", {
        field: "once",
        hint: '"sartor monitor --once" shows everything as it is now'
      })
    }
    const found = yield* Transport.working(everything)
    const at = yield* Clock.currentTimeMillis
    const { agents, messages, pending, queues, runs, sessions } = found
    yield* output.print(
      {
        at: DateTime.formatIso(DateTime.makeUnsafe(at)),
        sessions: [...sessions.map(Documents.session), ...agents.map(Documents.agent)],
        runs,
        queues,
        wakes: WakeList.documents(pending, messages)
      },
      (look) => screen(look, at, found)
    )
  })
).pipe(
  Command.withDescription("Show every session, run, queue and waiting wake on one screen"),
  Command.withExamples([{ command: "sartor monitor --once" }, { command: "sartor monitor --once --json | jq .queues" }])
)

const everything = Effect.gen(function* () {
  const queue = yield* Queue.Queue
  const sessions = yield* (yield* Sessions.Sessions).list()
  const runs = yield* WorkflowRuns.list()
  const pending = yield* (yield* Wakes.Wakes).pending()
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
  return { agents, messages, sessions, runs, pending, queues }
})

/** Everything that is still going on, and the newest of what has ended. */
const screen = (
  look: Look,
  now: number,
  { agents, messages, pending, queues, runs, sessions }: Effect.Success<typeof everything>
): string => {
  const busy = queues.filter(({ dead, delayed, in_flight, ready }) => ready + in_flight + delayed + dead > 0)
  const shownRuns = newest(
    runs,
    ({ status }) => status === "running" || status === "interrupted" || status === "blocked"
  )
  const shownSessions = newest(sessions, ({ status }) => !Session.isEnded(status))
  return [
    section("RUNS", runs.length, shownRuns.length, RunsList.table(look, now, shownRuns)),
    section(
      "SESSIONS",
      sessions.length + agents.length,
      shownSessions.length + agents.length,
      SessionList.table(look, now, shownSessions, agents)
    ),
    section(
      "WAITING WAKES",
      pending.length + messages.length,
      pending.length + messages.length,
      WakeList.table(look, now, pending, messages)
    ),
    section(
      "QUEUES IN USE",
      busy.length,
      busy.length,
      Table.rows(
        look,
        ["QUEUE", "READY", "IN FLIGHT", "DELAYED", "DEAD", "OLDEST"],
        busy.map(({ dead, delayed, in_flight, name, oldest_age_ms, ready }) => [
          name,
          String(ready),
          String(in_flight),
          String(delayed),
          String(dead),
          ready > 0 ? Format.duration(oldest_age_ms) : ""
        ])
      )
    )
  ].join("\n")
}

const newest = <A>(list: ReadonlyArray<A>, isLive: (item: A) => boolean): ReadonlyArray<A> => {
  const ended = new Set(list.filter((item) => !isLive(item)).slice(0, endedLimit))
  return list.filter((item) => isLive(item) || ended.has(item))
}

const endedLimit = 10

const section = (title: string, total: number, shown: number, table: string) => {
  const count = shown < total ? `${Format.count(total)}, ${Format.count(shown)} of them here` : Format.count(total)
  return total === 0 ? `${title}: none\n` : `${title}: ${count}\n${table}`
}
