/**
 * The typed transfer of work from one role to the next: its document, the five ways that work can go, what each of them
 * needs, and the states that a handoff goes through. Pure.
 *
 * @since 0.1.0
 */
import { Result, Schema } from "effect"
import { Severity } from "./Agent.ts"
import { SessionId } from "./SessionId.ts"
import { Timestamp } from "./Wake.ts"

export { type Chain, chains, index } from "./internal/handoffChains.ts"

const Fields = Schema.Record(Schema.String, Schema.Json)
const open = <F extends Schema.Struct.Fields>(fields: F) => Schema.StructWithRest(Schema.Struct(fields), [Fields])
const Texts = Schema.Array(Schema.String)

/**
 * Where work goes, and why.
 *
 * @category schemas
 * @since 0.1.0
 */
export const Type = Schema.Literals([
  "ready_for_implementation",
  "ready_for_audit",
  "ready_for_cleanup",
  "complete",
  "requires_replanning"
])

/**
 * @category models
 * @since 0.1.0
 */
export type Type = typeof Type.Type

/**
 * @category schemas
 * @since 0.1.0
 */
export const Status = Schema.Literals(["pending", "accepted", "rejected", "completed"])

/**
 * @category models
 * @since 0.1.0
 */
export type Status = typeof Status.Type

/**
 * What is handed over. Unknown keys are kept and passed on.
 *
 * @category schemas
 * @since 0.1.0
 */
export const Content = open({
  context: Schema.optionalKey(
    open({
      taskId: Schema.optionalKey(Schema.String),
      phase: Schema.optionalKey(Schema.String),
      scope: Schema.optionalKey(Schema.String),
      dependencies: Schema.optionalKey(Schema.Array(Schema.Json))
    })
  ),
  deliverable: Schema.optionalKey(
    open({
      type: Schema.optionalKey(Schema.String),
      location: Schema.optionalKey(Schema.String),
      summary: Schema.optionalKey(Schema.String),
      artifacts: Schema.optionalKey(Schema.Array(Schema.Json))
    })
  ),
  nextSteps: Schema.optionalKey(
    open({
      instructions: Schema.optionalKey(Texts),
      constraints: Schema.optionalKey(Texts),
      acceptanceCriteria: Schema.optionalKey(Texts)
    })
  ),
  issues: Schema.optionalKey(
    Schema.Array(
      open({
        severity: Severity,
        description: Schema.String,
        recommendation: Schema.optionalKey(Schema.String)
      })
    )
  ),
  /** Kept and given to the receiver; nothing here fetches them. */
  memory: Schema.optionalKey(
    open({
      created: Schema.optionalKey(Schema.Array(Schema.Json)),
      referenced: Schema.optionalKey(Schema.Array(Schema.Json))
    })
  )
})

/**
 * @category models
 * @since 0.1.0
 */
export interface Content extends Schema.Schema.Type<typeof Content> {}

/**
 * Names a handoff: `handoff_<milliseconds>_<8 hexadecimal digits>`.
 *
 * @category schemas
 * @since 0.1.0
 */
export const Id = Schema.String.check(
  Schema.isPattern(/^handoff_\d{1,15}_[0-9a-f]{8}$/, { message: "Expected handoff_<milliseconds>_<8 hex digits>" })
)

/**
 * Who hands over to whom, and the session that holds the context, up to the version to read.
 *
 * @category schemas
 * @since 0.1.0
 */
export const Head = open({
  from: Schema.String,
  to: Schema.String,
  timestamp: Timestamp,
  type: Type,
  status: Status,
  handoffId: Id,
  session_id: Schema.optionalKey(SessionId),
  session_version: Schema.optionalKey(Schema.Natural)
})

/**
 * The whole document, as the legacy files have it.
 *
 * @category schemas
 * @since 0.1.0
 */
export const Document = Schema.StructWithRest(Schema.Struct({ handoff: Head, ...Content.schema.fields }), [Fields])

/**
 * @category models
 * @since 0.1.0
 */
export interface Document extends Schema.Schema.Type<typeof Document> {}

const common = { at: Timestamp }

/**
 * One record of the journal of a handoff.
 *
 * @category schemas
 * @since 0.1.0
 */
export const Record = Schema.Union([
  Schema.Struct({ type: Schema.tag("created"), ...common, document: Document }),
  /** `lost` if the receiver could not read the sender's session, and starts from the document alone. */
  Schema.Struct({ type: Schema.tag("accepted"), ...common, context: Schema.Literals(["session", "lost", "none"]) }),
  Schema.Struct({ type: Schema.tag("rejected"), ...common, reason: Schema.String }),
  Schema.Struct({ type: Schema.tag("completed"), ...common })
])

/**
 * @category models
 * @since 0.1.0
 */
export type Record = typeof Record.Type

/**
 * A handoff as its journal tells it.
 *
 * @category models
 * @since 0.1.0
 */
export interface Handoff {
  readonly document: Document
  readonly accepted_at?: string
  readonly context?: "session" | "lost" | "none"
  readonly rejected_at?: string
  readonly completed_at?: string
}

/**
 * The roles that a way of work leads from and to, and what must be filled in for it.
 *
 * @category models
 * @since 0.1.0
 */
export interface Transition {
  readonly from: ReadonlyArray<string>
  readonly to: string
  /** The paths of the fields that must not be empty. */
  readonly needs: ReadonlyArray<string>
}

const always = ["context.taskId", "deliverable.summary"]

/**
 * The five transitions.
 *
 * @category configuration
 * @since 0.1.0
 */
export const transitions: { readonly [T in Type]: Transition } = {
  ready_for_implementation: {
    from: ["PLANNER"],
    to: "IMPLEMENTER",
    needs: [...always, "deliverable.location", "nextSteps.instructions"]
  },
  ready_for_audit: {
    from: ["IMPLEMENTER"],
    to: "AUDITOR",
    needs: [...always, "deliverable.location"]
  },
  ready_for_cleanup: { from: ["AUDITOR"], to: "CLEANER", needs: [...always, "nextSteps.instructions"] },
  complete: { from: ["CLEANER"], to: "ORCHESTRATOR", needs: always },
  requires_replanning: {
    from: ["IMPLEMENTER", "AUDITOR", "CLEANER"],
    to: "PLANNER",
    needs: ["context.taskId", "issues"]
  }
}

/**
 * A handoff that is not what its type says. Nothing was written.
 *
 * @category errors
 * @since 0.1.0
 */
export class InvalidHandoff extends Schema.TaggedError<InvalidHandoff>("@sartor/core/Handoff/InvalidHandoff")(
  "InvalidHandoff",
  { type: Schema.String, field: Schema.String, problems: Schema.Array(Schema.String) }
) {
  override get message() {
    return `A handoff of type ${this.type} ${this.problems.join(", and ")}`
  }
}

/**
 * The handoff is past that. Nothing was written.
 *
 * @category errors
 * @since 0.1.0
 */
export class IllegalHandoff extends Schema.TaggedError<IllegalHandoff>("@sartor/core/Handoff/IllegalHandoff")(
  "IllegalHandoff",
  { handoff_id: Schema.String, status: Schema.String, wanted: Schema.String }
) {
  override get message() {
    return `Handoff ${this.handoff_id} is ${this.status}: it cannot be ${this.wanted} now`
  }
}

/**
 * Checks a handoff against the transition that it is, and says all that is missing.
 *
 * @category constructors
 * @since 0.1.0
 */
export const check = (type: Type, from: string, to: string, content: Content): Result.Result<void, InvalidHandoff> => {
  const transition = transitions[type]
  const problems: Array<readonly [field: string, problem: string]> = []
  if (!transition.from.includes(from))
    problems.push(["from", `comes from ${transition.from.join(" or ")}, not ${from}`])
  if (transition.to !== to) problems.push(["to", `goes to ${transition.to}, not ${to}`])
  const missing = transition.needs.filter((path) => isEmpty(fieldOf(content, path)))
  if (missing.length > 0) problems.push([missing[0] ?? "", `needs ${missing.join(", ")}`])
  const [first] = problems
  if (first === undefined) return Result.void
  return Result.fail(new InvalidHandoff({ type, field: first[0], problems: problems.map(([, problem]) => problem) }))
}

const fieldOf = (content: Content, path: string): unknown =>
  path
    .split(".")
    .reduce<unknown>(
      (value, key) =>
        typeof value === "object" && value !== null ? Object.entries(value).find(([k]) => k === key)?.[1] : undefined,
      content
    )

const isEmpty = (value: unknown) =>
  value === undefined ||
  value === null ||
  (typeof value === "string" && !/\S/.test(value)) ||
  (Array.isArray(value) && value.length === 0)

/**
 * Applies a record. Saying again what is so already changes nothing.
 *
 * @category constructors
 * @since 0.1.0
 */
export const apply = (
  handoff: Handoff | undefined,
  record: Record
): Result.Result<Handoff | undefined, IllegalHandoff> => {
  if (record.type === "created") {
    return handoff === undefined
      ? Result.succeed({ document: record.document })
      : Result.fail(refuse(handoff.document, "created again"))
  }
  if (handoff === undefined) {
    return Result.fail(new IllegalHandoff({ handoff_id: "?", status: "not created", wanted: record.type }))
  }
  const { document } = handoff
  const { status } = document.handoff
  if (!after[record.type].includes(status)) return Result.fail(refuse(document, record.type))
  switch (record.type) {
    case "accepted":
      return Result.succeed({ ...moved(handoff, "accepted"), accepted_at: record.at, context: record.context })
    case "completed":
      return Result.succeed({ ...moved(handoff, "completed"), completed_at: record.at })
    case "rejected": {
      const issue = { severity: "critical" as const, description: record.reason }
      const { document } = moved(handoff, "rejected")
      return Result.succeed({
        ...handoff,
        document: { ...document, issues: [...(document.issues ?? []), issue] },
        rejected_at: record.at
      })
    }
  }
}

/**
 * How far a handoff has come: it goes on to what is further, and never back.
 *
 * @category configuration
 * @since 0.1.0
 */
export const steps: { readonly [S in Status]: number } = { pending: 0, accepted: 1, rejected: 2, completed: 2 }

/** The states in which each may follow. */
const after: { readonly [T in Exclude<Record["type"], "created">]: ReadonlyArray<Status> } = {
  accepted: ["pending"],
  rejected: ["pending", "accepted"],
  completed: ["accepted"]
}

const refuse = ({ handoff }: Document, wanted: string) =>
  new IllegalHandoff({ handoff_id: handoff.handoffId, status: handoff.status, wanted })

const moved = (handoff: Handoff, status: Status): Handoff => {
  const { document } = handoff
  return { ...handoff, document: { ...document, handoff: { ...document.handoff, status } } }
}
