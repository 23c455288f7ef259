import { Effect, Option } from "effect"
import { type Assignment, RunFailed } from "../AgentRunner.ts"
import * as Recall from "../Recall.ts"
import type * as Session from "../Session.ts"
import { Sessions } from "../Sessions.ts"

/** Whether other sessions have to be read for what a runner is given. */
export const readsOthers = ({ forked_from, inputs }: Session.Session): boolean =>
  forked_from !== undefined || Object.keys(inputs).length > 0

/** What a runner is given for a session: what it needs, and what it shares with the session that it was forked from. */
export const assignmentOf = Effect.fnUntraced(function* (session: Session.Session) {
  const inputs = yield* inputsOf(session)
  const shared = session.forked_from === undefined ? [] : yield* sharedOf(session)
  const checkpoints = shared.flatMap(({ record, version }) => {
    if (record.type !== "checkpoint") return []
    const { at, details, milestone, phase } = record
    return [{ version, phase, milestone, details, at }]
  })
  const told = shared.flatMap(({ record }) =>
    record.type === "resumed" && record.prompt !== undefined ? [{ at: record.at, text: record.prompt }] : []
  )
  const assignment: Assignment = {
    session: {
      ...session,
      checkpoints: [...checkpoints, ...session.checkpoints],
      told: [...told, ...session.told]
    },
    attempt: session.failures + 1,
    inputs
  }
  return assignment
})

const sharedOf = ({ session_id }: Session.Session) =>
  Effect.map(Recall.history(session_id), (known) =>
    Option.getOrElse(known, (): ReadonlyArray<Recall.Known> => []).filter((one) => one.session_id !== session_id)
  )

/** What the agent gets of the sessions that it needs. */
const inputsOf = Effect.fnUntraced(
  function* (session: Session.Session) {
    const sessions = yield* Sessions
    const inputs = yield* Effect.forEach(Object.entries(session.inputs), ([name, id]) =>
      Effect.map(sessions.get(id), ({ result }) => [name, result] as const)
    )
    return Object.fromEntries(inputs.flatMap(([name, result]) => (result === undefined ? [] : [[name, result]])))
  },
  Effect.catchTag("SessionNotFound", (error) =>
    Effect.fail(new RunFailed({ status: "failed", code: "input_missing", detail: error.message, retryable: false }))
  )
)
