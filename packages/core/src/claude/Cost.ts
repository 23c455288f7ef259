/**
 * What Claude cost, by model, session and workflow. What was rolled back was paid for too.
 *
 * @since 0.1.0
 */
import { Effect, Option, Schema, Stream } from "effect"
import { addUsage, type Usage } from "../Agent.ts"
import { Record } from "../Session.ts"
import { Sessions } from "../Sessions.ts"
import * as Conversation from "./Conversation.ts"

/**
 * @category models
 * @since 0.1.0
 */
export interface Cost {
  /** Nothing, where Claude was not asked. */
  readonly total: Usage | undefined
  readonly byModel: ReadonlyMap<string, Usage>
}

/**
 * @category models
 * @since 0.1.0
 */
export interface RunCost extends Cost {
  readonly bySession: ReadonlyMap<string, Usage>
}

/**
 * What a session cost.
 *
 * @category constructors
 * @since 0.1.0
 */
export const ofSession = Effect.fn("Cost.ofSession")(function* (id: string) {
  const sessions = yield* Sessions
  const byModel = new Map<string, Usage>()
  let total: Usage | undefined
  yield* Stream.runForEach(sessions.history(id), ({ record }) =>
    Effect.sync(() => {
      const known = decode(record)
      const turn = Option.isSome(known) && known.value.type === "turn" ? known.value : undefined
      if (turn?.usage === undefined) return
      const model = Option.getOrUndefined(Conversation.modelOf(turn.entry)) ?? "unknown"
      byModel.set(model, addUsage(byModel.get(model), turn.usage))
      total = addUsage(total, turn.usage)
    })
  )
  const cost: Cost = { total, byModel }
  return cost
})

/**
 * What all sessions of an orchestrator cost; that of a workflow has the id of its run.
 *
 * @category constructors
 * @since 0.1.0
 */
export const ofRun = Effect.fn("Cost.ofRun")(function* (orchestrator: string) {
  const sessions = yield* Sessions
  const byModel = new Map<string, Usage>()
  const bySession = new Map<string, Usage>()
  let total: Usage | undefined
  for (const { session_id } of yield* sessions.list({ orchestrator })) {
    const cost = yield* ofSession(session_id)
    if (cost.total === undefined) continue
    bySession.set(session_id, cost.total)
    total = addUsage(total, cost.total)
    for (const [model, usage] of cost.byModel) byModel.set(model, addUsage(byModel.get(model), usage))
  }
  const cost: RunCost = { total, byModel, bySession }
  return cost
})

const decode = Schema.decodeUnknownOption(Schema.toCodecJson(Record))
