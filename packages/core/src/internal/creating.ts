import { Effect, Schema } from "effect"
import * as Agent from "../Agent.ts"
import * as Flags from "../Flags.ts"
import { Slug } from "../Key.ts"
import * as Role from "../Role.ts"
import * as Session from "../Session.ts"
import * as SessionId from "../SessionId.ts"
import type { CreateOptions } from "../Sessions.ts"
import { firstIssue } from "./issues.ts"
import { nowText } from "./now.ts"

/**
 * A field of what was given cannot be used.
 *
 * @category errors
 * @since 0.1.0
 */
export class InvalidField extends Schema.TaggedError<InvalidField>("@sartor/core/Sessions/InvalidField")(
  "InvalidField",
  { field: Schema.String, detail: Schema.String }
) {
  override get message() {
    return `${this.field}: ${this.detail}`
  }
}

/** The first record of a session, checked. */
export const createdOf = Effect.fnUntraced(function* (options: CreateOptions, inForce: Flags.Values) {
  const { inputs = {}, limits, metadata = {}, name, orchestrator = "main", parentId, prompt = "", taskType } = options
  const role = yield* Role.parse(options.role)
  const id = options.id === undefined ? yield* SessionId.make(role, taskType) : yield* SessionId.parse(options.id)
  if (!isSlug(orchestrator)) {
    return yield* new InvalidField({ field: "orchestrator", detail: "use lower-case words joined by hyphens" })
  }
  if (!/\S/.test(taskType)) return yield* new InvalidField({ field: "task_type", detail: "it is empty" })
  const parent = parentId === undefined ? undefined : yield* SessionId.parse(parentId)
  const created: typeof Session.Created.Type = {
    type: "created",
    at: yield* nowText,
    run: 0,
    session_id: id,
    role,
    task_type: taskType,
    prompt,
    metadata,
    orchestrator,
    runner: options.runner ?? { type: "external" },
    limits: { ...Agent.defaultLimits, ...limits },
    inputs,
    ...(name === undefined ? {} : { name }),
    ...(parent === undefined ? {} : { parent_id: parent }),
    ...(options.synthesis === undefined ? {} : { synthesis: options.synthesis }),
    ...(options.forkedFrom === undefined ? {} : { forked_from: options.forkedFrom }),
    ...Flags.noted(Flags.both(inForce, options.flags))
  }
  return yield* decodeCreated(created).pipe(
    Effect.mapError((error) => {
      const { message, path } = firstIssue(error)
      return new InvalidField({ field: path.slice(1).replaceAll("/", "."), detail: message })
    })
  )
})

const decodeCreated = Schema.decodeUnknownEffect(Session.Created)
const isSlug = Schema.is(Slug)
