/**
 * What the legacy scripts read: their options, files as they stand there, paths as a user sees them.
 *
 * @since 0.1.0
 */
import { LegacyFiles } from "@sartor/core"
import { JsonText, LegacyDirectory, LegacyEdit } from "@sartor/transport-file/legacy"
import { Effect, Path } from "effect"
import * as Failure from "../Failure.ts"

/**
 * Reads options anywhere among the arguments.
 *
 * @category constructors
 * @since 0.1.0
 */
export const options = Effect.fnUntraced(function* (
  args: ReadonlyArray<string>,
  known: { readonly toggles: ReadonlyArray<string>; readonly values: ReadonlyArray<string> }
) {
  const values = new Map<string, string>()
  const rest: Array<string> = []
  for (let index = 0; index < args.length; index++) {
    const arg = args[index] ?? ""
    if (known.toggles.includes(arg)) values.set(arg, "")
    else if (known.values.includes(arg)) {
      const value = args[++index]
      if (value === undefined) return yield* Failure.badInput(`${arg} has no value`, { field: arg })
      values.set(arg, value)
    } else if (arg.startsWith("--")) return yield* Failure.badInput(`Unknown option: ${arg}`, { field: arg })
    else rest.push(arg)
  }
  return { rest, values }
})

/**
 * Texts that are JSON, as an array: nothing of them is changed.
 *
 * @category rendering
 * @since 0.1.0
 */
export const array = (texts: ReadonlyArray<string>): string =>
  texts.length === 0 ? "[]" : `[\n${texts.map((text) => JsonText.decode(text).trim()).join(",\n")}\n]`

/**
 * The files of the messages that nobody has acknowledged, by name.
 *
 * @category constructors
 * @since 0.1.0
 */
export const pendingWakes = Effect.fnUntraced(function* (urgentOnly: boolean, since: string | undefined) {
  const { directory } = yield* LegacyFiles.LegacyFiles
  const { found } = yield* LegacyDirectory.everyOf(
    LegacyDirectory.wakesOf(directory, urgentOnly ? "wake/URGENT" : "wake"),
    LegacyDirectory.readWake
  )
  return found.flatMap((one) =>
    one === undefined || one.value.acknowledged || (since !== undefined && one.value.timestamp < since)
      ? []
      : [one.text]
  )
})

/**
 * Copies the file of a handoff to where scripts look for it.
 *
 * @category constructors
 * @since 0.1.0
 */
export const copyHandoff = Effect.fnUntraced(function* (file: string, handoffId: string) {
  const path = yield* Path.Path
  const { directory } = yield* LegacyFiles.LegacyFiles
  if (!LegacyFiles.isAgentId(handoffId)) {
    return yield* Failure.badInput(`${JSON.stringify(handoffId)} is not the id of a handoff`, { field: "handoffId" })
  }
  const read = yield* LegacyEdit.read(path.resolve(file), JsonText.parse)
  if (read === undefined) return yield* Failure.badInput(`There is no file ${file}`, { field: "file" })
  const to = path.join(directory, "handoffs", `${handoffId}.json`)
  yield* LegacyEdit.replace(to, read.text, { locked: false, durable: true })
})

/**
 * A path as somebody would type it from here.
 *
 * @category rendering
 * @since 0.1.0
 */
export const shortest = Effect.fnUntraced(function* (file: string) {
  const path = yield* Path.Path
  const relative = path.relative(path.resolve("."), file)
  return relative.startsWith("..") ? file : relative
})
