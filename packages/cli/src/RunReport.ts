/**
 * The report of a run: made from its document, printed, or written as a file of its own.
 *
 * @since 0.1.0
 */
import { type Session, Sessions, type WorkflowRun } from "@sartor/core"
import { Effect, FileSystem, Path, type PlatformError, Random } from "effect"
import * as Failure from "./Failure.ts"
import type { Look } from "./Output.ts"
import { renderHtml } from "./report/Html.ts"
import type { ReportInput, ReportRun } from "./report/ReportInput.ts"
import { renderMarkdown } from "./report/Markdown.ts"
import { renderTerminal } from "./report/Terminal.ts"

/**
 * Adds to the document of a run what only the sessions know: how often each agent woke its orchestrator.
 *
 * @category constructors
 * @since 0.1.0
 */
export const inputOf = Effect.fnUntraced(function* (document: WorkflowRun.Document) {
  const sessions = yield* Sessions.Sessions
  const agents = yield* Effect.forEach(document.agents, (agent) =>
    agent.session_id === undefined
      ? Effect.succeed(agent)
      : sessions.get(agent.session_id).pipe(
          Effect.map((session) => ({ ...agent, wakes: session.wakes.length })),
          Effect.catchTag("SessionNotFound", () => Effect.succeed(agent))
        )
  )
  return { ...document, agents } satisfies ReportRun
})

/**
 * @category rendering
 * @since 0.1.0
 */
export const inTerminal = (input: ReportInput, look: Look): string => renderTerminal(input, look)

/**
 * The forms in which a report is written as a file.
 *
 * @category rendering
 * @since 0.1.0
 */
export const forms = { html: renderHtml, markdown: renderMarkdown } as const

/**
 * @category models
 * @since 0.1.0
 */
export type Form = keyof typeof forms

/**
 * Writes the report as one file: whole or not at all, whatever happens meanwhile.
 *
 * @category rendering
 * @since 0.1.0
 */
export const write = Effect.fnUntraced(
  function* (input: ReportInput, form: Form, file: string) {
    const fs = yield* FileSystem.FileSystem
    const path = yield* Path.Path
    const target = path.resolve(file)
    const nonce = (yield* Random.nextIntBetween(0, 2 ** 40)).toString(36)
    const temporary = path.join(path.dirname(target), `.${path.basename(target)}.${nonce}.tmp`)
    yield* fs.writeFileString(temporary, forms[form](input), { flag: "wx" }).pipe(
      Effect.andThen(fs.rename(temporary, target)),
      Effect.onError(() => Effect.ignore(fs.remove(temporary)))
    )
    return target
  },
  (effect, _, form, file) => Effect.mapError(effect, (error) => notWritten(form, file, error))
)

/**
 * Makes sure, before any work is done, that the folder of a file is there.
 *
 * @category constructors
 * @since 0.1.0
 */
export const checkTarget = Effect.fnUntraced(function* (form: Form, file: string) {
  const fs = yield* FileSystem.FileSystem
  const path = yield* Path.Path
  const target = path.resolve(file)
  const isFolder = (place: string) =>
    fs.stat(place).pipe(
      Effect.map(({ type }) => type === "Directory"),
      Effect.catch(() => Effect.succeed(false))
    )
  if (yield* isFolder(target)) return yield* Failure.badInput(`${file} is a folder`, { field: form, file })
  if (yield* isFolder(path.dirname(target))) return target
  return yield* Failure.badInput(`there is no folder ${path.dirname(target)}`, { field: form, file })
})

const notWritten = (form: Form, file: string, error: PlatformError.PlatformError) => {
  const message = `${file} cannot be written: ${error.message}`
  return new Failure.Failure({
    code: error.message.includes("ENOSPC") ? "storage_full" : "bad_input",
    message,
    field: form,
    file
  })
}

/**
 * The exit of a command that has run a workflow or a session, by how that ended.
 *
 * @category configuration
 * @since 0.1.0
 */
export const exitOf = (status: WorkflowRun.Document["status"] | Session.Session["status"]): number => {
  switch (status) {
    case "complete":
      return 0
    case "degraded":
      return 6
    case "blocked":
      return 7
    default:
      return 1
  }
}
