import { Effect, Struct } from "effect"
import type { Problem, Result } from "../Agent.ts"
import type { Session } from "../Session.ts"
import { makeWake } from "../Sessions.ts"
import * as Wake from "../Wake.ts"

/** Beyond this the files of a wake are left out: the whole list is in the session. */
const maxFiles = 500

/**
 * Makes the wake that ends a supervised run. A draft that the agent sent from inside is merged into it, and gives it its
 * id. It is never too large: what does not fit is in the session.
 */
export const endingWake = Effect.fnUntraced(function* (
  session: Session,
  status: "complete" | "blocked" | "failed",
  result: Result | undefined,
  error: Problem | undefined
) {
  const draft = session.draft?.run === session.run ? session.draft : undefined
  const summary = cut(result?.summary ?? error?.message ?? "")
  const files = [
    ...(result?.files ?? []).map((file) => (typeof file === "string" ? file : file.path)),
    ...(draft?.deliverables?.files ?? [])
  ]
  const made = yield* makeWake(session, status, {
    ...(result?.confidence === undefined ? {} : { confidence: result.confidence }),
    ...(error === undefined ? {} : { error: { ...error, message: cut(error.message) } }),
    ...(draft?.priority === undefined || draft.status !== status ? {} : { priority: draft.priority }),
    ...(session.usage === undefined || draft?.usage !== undefined ? {} : { usage: session.usage }),
    summary: summary === "" ? cut(draft?.summary ?? "") : summary,
    deliverables: { ...draft?.deliverables, files: [...new Set(files)].slice(0, maxFiles) }
  })
  const whole: Wake.Wake =
    draft === undefined ? made : { ...Struct.omit(draft, ["error"]), ...made, wake_id: draft.wake_id }
  return Wake.bytesOf(whole) <= Wake.maxBytes ? whole : { ...made, deliverables: {}, wake_id: whole.wake_id }
})

/** Makes the wake of a finding, cut to what a wake can hold. */
export const findingWake = (
  session: Session,
  { priority, summary }: { readonly summary: string; readonly priority?: Wake.Priority }
) =>
  makeWake(session, "finding", {
    summary: cut(summary, maxFinding),
    ...(priority === undefined ? {} : { priority })
  })

/** In characters; each is at most six bytes of JSON. */
const maxFinding = 40_000

const cut = (text: string, length = Wake.maxSummary) => (text.length > length ? `${text.slice(0, length - 1)}…` : text)
