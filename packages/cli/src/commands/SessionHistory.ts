/**
 * `sartor session history`
 *
 * @since 0.1.0
 */
import { Sessions } from "@sartor/core"
import { Effect, Predicate, Stream } from "effect"
import { Command } from "effect/cli"
import * as Arguments from "../Arguments.ts"
import * as Documents from "../Documents.ts"
import { type Look, Output } from "../Output.ts"
import * as Table from "../Table.ts"
import * as Transport from "../Transport.ts"

/**
 * @category commands
 * @since 0.1.0
 */
export const sessionHistory = Command.make(
  "history",
  { id: Arguments.sessionId },
  Effect.fnUntraced(function* ({ id: given }) {
    const output = yield* Output
    const id = yield* Arguments.readSessionId(given)
    const entries = yield* Transport.working(
      Sessions.Sessions.use((sessions) => Stream.runCollect(sessions.history(id)))
    )
    const records = entries.map(Documents.record)
    yield* output.print(records, (look) => table(look, records))
  })
).pipe(
  Command.withDescription("List every record of a session's journal, the oldest first"),
  Command.withExamples([
    { command: "sartor session history auditor-security-0k3f9d2m" },
    { command: "sartor session history impl-001 --json | jq '.[] | select(.kind == \"checkpoint\")'" }
  ])
)

/**
 * Records as people read them.
 *
 * @category rendering
 * @since 0.1.0
 */
export const table = (
  look: Look,
  records: ReadonlyArray<{ readonly version: number; readonly at: string; readonly [key: string]: unknown }>
): string =>
  Table.rows(
    look,
    ["VERSION", "AT", "KIND", "WHAT"],
    records.map(({ at, kind, version, ...fields }) => [String(version), at, String(kind), essence(fields)])
  )

/** The fields of a record that differ from one to the next. */
const essence = ({ wake, worker, ...fields }: { readonly [key: string]: unknown }) => {
  const told = Predicate.isReadonlyObject(wake) ? { wake: [wake["status"], wake["priority"], wake["summary"]] } : {}
  const by = Predicate.isReadonlyObject(worker) ? { worker: worker["kind"] } : {}
  return Object.entries({ ...by, ...fields, ...told })
    .filter(([key, value]) => key !== "session_id" && value !== "" && JSON.stringify(value) !== "{}")
    .map(([key, value]) => `${key}=${key === "wake" && Array.isArray(value) ? value.join(" ").trim() : shown(value)}`)
    .join("  ")
}

const shown = (value: unknown) => (typeof value === "string" ? value : JSON.stringify(value))
