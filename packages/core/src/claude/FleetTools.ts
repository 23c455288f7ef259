/**
 * What ties an agent to its fleet: findings, checkpoints, recalling, handing off, asking a human.
 *
 * @since 0.1.0
 */
import { Effect, Schema } from "effect"
import * as Outbox from "../Outbox.ts"
import { recall } from "../Sessions.ts"
import { Priority } from "../Wake.ts"
import * as Tool from "./Tool.ts"

/**
 * The tools `report_finding`, `checkpoint`, `recall`, `hand_off` and `ask_human`.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = Effect.gen(function* () {
  return [
    Tool.of("report_finding", {
      description:
        "Tells your orchestrator at once of something that it should not learn only from your result. You go on working.",
      effects: "idempotent",
      input: Schema.Struct({ summary: Schema.NonEmptyString, priority: Schema.optionalKey(Priority) }),
      run: Effect.fnUntraced(function* (finding, { emit, found }) {
        if (!found.has(finding.summary)) yield* emit({ type: "finding", ...finding })
        return "Reported"
      })
    }),
    Tool.of("checkpoint", {
      description:
        "Names a point that you have reached, so that your work can be taken up, or taken back to, from there.",
      effects: "idempotent",
      input: Schema.Struct({
        phase: Schema.NonEmptyString.annotate({ description: "A part of the work, such as implementation" }),
        milestone: Schema.NonEmptyString.annotate({ description: "What is reached, such as tests-pass" }),
        details: Schema.optionalKey(Schema.String)
      }),
      run: Effect.fnUntraced(function* ({ details = "", milestone, phase }, { emit }) {
        yield* emit({ type: "checkpoint", phase, milestone, details })
        return "Kept"
      })
    }),
    yield* Tool.make("recall", {
      description:
        "Looks up what was said and done in this session, also what is no longer in this conversation, or in the session of " +
        "an agent whose result you got. Oldest first.",
      effects: "pure",
      input: Schema.Struct({
        agent: Schema.optionalKey(Schema.String.annotate({ description: "Whose session; your own if left out" })),
        text: Schema.optionalKey(Schema.NonEmptyString.annotate({ description: "Only what has this text in it" })),
        last: Schema.optionalKey(Schema.Natural.annotate({ description: "So many of the newest; 20 if left out" }))
      }),
      run: Effect.fnUntraced(function* ({ agent, last = 20, text }, { session }) {
        const id = agent === undefined ? session.session_id : new Map(Object.entries(session.inputs)).get(agent)
        if (id === undefined) {
          const names = Object.keys(session.inputs).join(", ") || "nobody"
          return yield* new Tool.ToolFailed({
            why: `You have no result of ${JSON.stringify(agent)}, only of: ${names}`
          })
        }
        const known = yield* recall(id, { grep: text, last })
        return known.map((entry) => JSON.stringify(entry).slice(0, 4000)).join("\n") || "(Nothing)"
      })
    }),
    yield* Tool.make("hand_off", {
      description: "Says which role goes on with your work after you, what it has to know, and which files it needs.",
      effects: "idempotent",
      input: Schema.Struct({
        next_role: Schema.NonEmptyString.annotate({ description: "Such as AUDITOR or CLEANER" }),
        summary: Schema.NonEmptyString,
        files: Schema.optionalKey(Schema.Array(Schema.String))
      }),
      run: Effect.fnUntraced(function* ({ files = [], next_role, summary }, { callId, session }) {
        const { run, session_id } = session
        // A draft, which is merged into the wake that ends this run; the same one if it is sent again.
        yield* Outbox.send({
          sessionId: session_id,
          status: "complete",
          run,
          wakeId: `${session_id}/${run}/${callId}`,
          summary,
          next_role,
          deliverables: { files }
        })
        return "It is handed on once you hand in your result"
      })
    }),
    Tool.of("ask_human", {
      description:
        "Asks a human, and waits for the answer, which may take days. Only for what you cannot find out and must not guess.",
      effects: "pure",
      input: Schema.Struct({ question: Schema.NonEmptyString }),
      run: ({ question }) => Effect.fail(new Tool.HumanNeeded({ question }))
    })
  ]
})
