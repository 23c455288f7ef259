/**
 * Follows a run that any process executes, by its journals.
 *
 * @since 0.1.0
 */
import { Journal, Lease, Session, TransportError, type Workflow, WorkflowRun } from "@sartor/core"
import { Effect, Option, Result, Schema, Stream } from "effect"
import { whenChanged } from "./Watching.ts"

/**
 * Tells of everything in a run, from its beginning, until it has ended or nobody runs it any more. `at` is when it
 * happened, in milliseconds since the epoch.
 *
 * @category constructors
 * @since 0.1.0
 */
export const follow = Effect.fnUntraced(function* <E>(
  runId: string,
  tell: (event: Workflow.Event, at: number | undefined) => Effect.Effect<void, E>
) {
  const journal = yield* Journal.Journal
  const key = `workflow/${runId}`
  const seen = new Map<string, number>()
  const agents = new Map<string, string>()
  let begun = 0
  let over = false
  let alone = 0

  const news = <A>(key: string, decode: (record: unknown) => Result.Result<A, Schema.SchemaError>) =>
    journal.read(key, seen.get(key)).pipe(
      Stream.catchTag("InvalidKey", Stream.die),
      Stream.mapEffect((entry) => {
        seen.set(key, entry.version)
        const record = decode(entry.record)
        return Result.isSuccess(record)
          ? Effect.succeed({ at: entry.at, record: record.success })
          : Effect.fail(corrupt(key, entry.version))
      })
    )

  const readSessions = Effect.suspend(() =>
    Effect.forEach(
      agents,
      ([session_id, agent]) =>
        Stream.runForEach(news(`session/${session_id}`, decodeSession), ({ at, record }) =>
          record.type === "created" ? Effect.void : tell({ type: "session", agent, session_id, record }, at)
        ),
      { discard: true }
    )
  )

  const tellOf = Effect.fnUntraced(function* (record: WorkflowRun.Record, at: number) {
    switch (record.type) {
      case "begun":
        over = false
        begun += 1
        return yield* tell({ type: "begun", at: record.at, run_id: runId, resumed: begun > 1 }, at)
      case "spawned":
        agents.set(record.session_id, record.agent)
        return
      case "finished":
        // What the agent did comes before its end.
        yield* readSessions
        return yield* tell({ type: "finished", agent: record.agent, finished: record, remembered: false }, at)
      case "synthesized":
        return yield* tell({ type: "synthesized", agent: record.agent, synthesis: record.synthesis }, at)
      case "ended":
        over = true
        return
      case "cancelled":
        return
    }
  })

  yield* whenChanged(
    Stream.merge(journal.watch(key), journal.watch("session/")),
    Effect.gen(function* () {
      const owned = Option.isSome(yield* Lease.holder(runId))
      yield* Stream.runForEach(news(key, decodeRun), ({ at, record }) => tellOf(record, at))
      yield* readSessions
      // One who takes a run up again needs a moment between two owners.
      alone = owned ? 0 : alone + 1
      return over || alone > 2
    })
  )
})

const decodeRun = Schema.decodeUnknownResult(Schema.toCodecJson(WorkflowRun.Record))
const decodeSession = Schema.decodeUnknownResult(Schema.toCodecJson(Session.Record))

const corrupt = (key: string, version: number) =>
  new TransportError.TransportError({
    operation: "Journal.read",
    reason: "corrupt",
    detail: `journal "${key}", version ${version} cannot be read`
  })
