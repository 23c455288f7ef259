/**
 * What runs ask humans, and their answers: an answer is kept in the journal of its run, and is evidence from then on.
 *
 * @since 0.1.0
 */
import { Effect, Schema } from "effect"
import type { Conflict } from "./Conflicts.ts"
import { Slug } from "./Key.ts"
import * as Resolution from "./Resolution.ts"
import { nowText } from "./Sessions.ts"
import * as WorkflowRun from "./WorkflowRun.ts"
import * as WorkflowRuns from "./WorkflowRuns.ts"
import { synthesisOf } from "./internal/synthesizing.ts"

/**
 * One question of a run, with the step whose synthesis it comes from.
 *
 * @category models
 * @since 0.1.0
 */
export interface Question extends Resolution.Question {
  readonly run_id: string
  readonly step: string
}

/**
 * What somebody answers.
 *
 * @category models
 * @since 0.1.0
 */
export interface Answer {
  readonly by: string
  /** The number of a side, from 1; left out, none is right. */
  readonly choice?: number | undefined
  readonly statement: string
  readonly evidence?: ReadonlyArray<string> | undefined
}

/**
 * The run has no conflict of that id.
 *
 * @category errors
 * @since 0.1.0
 */
export class ConflictNotFound extends Schema.TaggedError<ConflictNotFound>("@sartor/core/Questions/ConflictNotFound")(
  "ConflictNotFound",
  { run_id: Schema.String, conflict: Schema.String }
) {
  override get message() {
    return `Run ${this.run_id} has no conflict ${JSON.stringify(this.conflict)}: "sartor questions ${this.run_id}" shows what it asks`
  }
}

/**
 * The conflict has no side of that number, or the answer says nothing.
 *
 * @category errors
 * @since 0.1.0
 */
export class InvalidAnswer extends Schema.TaggedError<InvalidAnswer>("@sartor/core/Questions/InvalidAnswer")(
  "InvalidAnswer",
  { conflict: Schema.String, field: Schema.Literals(["choice", "statement", "by"]), detail: Schema.String }
) {
  override get message() {
    return `The answer to ${this.conflict} cannot be taken: ${this.detail}`
  }
}

/**
 * The conflicts of a run that block and that nobody has settled.
 *
 * @category constructors
 * @since 0.1.0
 */
export const list = Effect.fn("Questions.list")(function* (runId: string) {
  const state = yield* stateOf(runId)
  const questions = WorkflowRun.synthesesOf(state).flatMap(([step, synthesis]) =>
    Resolution.questions(synthesis).map((question): Question => ({ run_id: runId, step, ...question }))
  )
  return questions
})

/**
 * Answers a question about any conflict of a run, whether it blocks or not, and makes the syntheses anew with the answer in
 * them: both are kept in one append. Of several answers to one conflict the last counts. A run that waited for it goes on when
 * its workflow is run again.
 *
 * @category constructors
 * @since 0.1.0
 */
export const answer = Effect.fn("Questions.answer")(function* (runId: string, conflict: string, options: Answer) {
  yield* stateOf(runId)
  const log = yield* WorkflowRuns.open(runId)
  yield* log.refresh
  let resolution: Resolution.Resolution | undefined
  yield* log.update(
    Effect.fnUntraced(function* (state) {
      const syntheses = WorkflowRun.synthesesOf(state)
      const found = syntheses.flatMap(([, { conflicts }]) => conflicts).find(({ id }) => id === conflict)
      if (found === undefined) return yield* new ConflictNotFound({ run_id: runId, conflict })
      const given = yield* resolutionOf(found, options)
      resolution = given
      const at = yield* nowText
      const answered = { type: "answered" as const, at, resolution: given }
      const next = { ...state, resolutions: [...state.resolutions, given] }
      const steps = state.begun?.workflow.agents.filter((agent) => agent.synthesize) ?? []
      const concerned = steps.filter(({ name }) =>
        state.syntheses.get(name)?.conflicts.some(({ id }) => id === conflict)
      )
      const synthesized = yield* Effect.forEach(concerned, (step) => {
        const needs = step.needs.flatMap((name) => state.finished.get(name) ?? [])
        return Effect.map(synthesisOf(next, step, needs), (synthesis) => ({
          type: "synthesized" as const,
          at,
          agent: step.name,
          synthesis
        }))
      })
      return [answered, ...synthesized]
    })
  )
  return yield* Effect.orDie(Effect.fromNullishOr(resolution))
})

const resolutionOf = Effect.fnUntraced(function* (conflict: Conflict, options: Answer) {
  const refuse = (field: InvalidAnswer["field"], detail: string) =>
    new InvalidAnswer({ conflict: conflict.id, field, detail })
  if (!/\S/.test(options.statement)) return yield* refuse("statement", "it is blank, and an answer is its own evidence")
  if (!/\S/.test(options.by)) return yield* refuse("by", "it does not say whose it is")
  const given = Resolution.answer(Resolution.question(conflict), options)
  if (given !== undefined) return given
  return yield* refuse("choice", `there is no side ${options.choice}, only 1 to ${conflict.sides.length}`)
})

const stateOf = Effect.fnUntraced(function* (runId: string) {
  if (!Schema.is(Slug)(runId)) return yield* new WorkflowRuns.RunNotFound({ run_id: runId })
  const state = yield* (yield* WorkflowRuns.open(runId)).refresh
  if (state.begun === undefined) return yield* new WorkflowRuns.RunNotFound({ run_id: runId })
  return state
})
