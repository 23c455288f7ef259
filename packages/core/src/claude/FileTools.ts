/**
 * Reads and changes files, in one folder only.
 *
 * @since 0.1.0
 */
import { utf8ToBytes } from "@noble/hashes/utils.js"
import { Effect, FileSystem, Path, Schema } from "effect"
import * as Tool from "./Tool.ts"
import { failed, type Workspace } from "./Workspace.ts"

/**
 * The largest file that is read, searched, written or edited, in bytes.
 *
 * @category configuration
 * @since 0.1.0
 */
export const maxFileBytes = 1024 * 1024

/** How many entries are listed, and lines found, at most. */
const maxEntries = 1000

/** Folders that nobody means when they ask for files. */
const skipped: ReadonlySet<string> = new Set([".git", "node_modules"])

const PathInput = Schema.String.annotate({ description: "A path relative to the workspace" })

/**
 * The file tools of a workspace: `read_file`, `list_files`, `search_files`, `write_file` and `edit_file`.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = Effect.fnUntraced(function* (workspace: Workspace) {
  const fs = yield* FileSystem.FileSystem
  const path = yield* Path.Path

  const readText = Effect.fnUntraced(function* (given: string, real: string) {
    const { size, type } = yield* Effect.mapError(fs.stat(real), (error) => failed(given, error))
    if (type !== "File") return yield* new Tool.ToolFailed({ why: `${JSON.stringify(given)} is not a file` })
    if (size > BigInt(maxFileBytes)) {
      return yield* new Tool.ToolFailed({
        why: `${JSON.stringify(given)} has ${size} bytes, and more than ${maxFileBytes} are not read: search it instead`
      })
    }
    const text = yield* Effect.mapError(fs.readFileString(real), (error) => failed(given, error))
    return text.includes("\0")
      ? yield* new Tool.ToolFailed({ why: `${JSON.stringify(given)} is not a text file` })
      : text
  })

  /** Whole or not at all: beside it first, synced, then in its place. */
  const replace = Effect.fnUntraced(
    function* (given: string, real: string, text: string, callId: string) {
      const bytes = utf8ToBytes(text)
      if (bytes.length > maxFileBytes) {
        return yield* new Tool.ToolFailed({ why: `${bytes.length} bytes are more than the ${maxFileBytes} of a file` })
      }
      const write = Effect.gen(function* () {
        yield* fs.makeDirectory(path.dirname(real), { recursive: true })
        // The same name when it is done again, so that a crash leaves nothing lying about for ever.
        const beside = path.join(path.dirname(real), `.${path.basename(real)}.${callId.replace(/[^\w-]/g, "")}.tmp`)
        const swap = Effect.gen(function* () {
          const file = yield* fs.open(beside, { flag: "w" })
          yield* file.writeAll(bytes)
          yield* file.sync
          const before = yield* Effect.option(fs.stat(real))
          if (before._tag === "Some") yield* fs.chmod(beside, before.value.mode & 0o7777)
          else yield* fs.chmod(beside, 0o644)
          yield* fs.rename(beside, real)
        }).pipe(Effect.scoped)
        yield* Effect.onError(swap, () => Effect.ignore(fs.remove(beside)))
      })
      return yield* Effect.mapError(write, (error) => failed(given, error))
    },
    // A file that is half swapped helps nobody.
    Effect.uninterruptible
  )

  /** Every file below a folder, in order; links are not followed. */
  const filesBelow = Effect.fnUntraced(function* (given: string, folder: string) {
    const found: Array<string> = []
    const pending = [folder]
    let here = pending.pop()
    while (here !== undefined && found.length <= maxEntries) {
      const at = here
      const entries = yield* Effect.mapError(fs.readDirectoryEntries(at), (error) => failed(given, error))
      const sorted = entries.toSorted((a, b) => (a.name < b.name ? -1 : 1))
      found.push(...sorted.filter(({ type }) => type === "File").map(({ name }) => path.join(at, name)))
      const folders = sorted.filter(({ name, type }) => type === "Directory" && !skipped.has(name))
      pending.push(...folders.map(({ name }) => path.join(at, name)).toReversed())
      here = pending.pop()
    }
    return found
  })

  return [
    Tool.of("read_file", {
      description:
        "Reads a text file. Each line comes with its number, a tab, then its text. Long files: ask for a part.",
      effects: "pure",
      input: Schema.Struct({
        path: PathInput,
        from: Schema.optionalKey(Schema.Natural.annotate({ description: "The first line to read, from 1" })),
        lines: Schema.optionalKey(Schema.Natural.annotate({ description: "How many lines to read; 2000 if left out" }))
      }),
      run: Effect.fnUntraced(function* ({ from = 1, lines = 2000, path: given }) {
        const text = yield* readText(given, yield* workspace.existing(given))
        const all = text.split("\n")
        if (all.at(-1) === "") all.pop()
        const first = Math.max(from, 1)
        const part = all.slice(first - 1, first - 1 + lines)
        if (part.length === 0) return `(It has ${all.length} lines.)`
        const rest = all.length - (first - 1 + part.length)
        const numbered = part.map((line, index) => `${first + index}\t${line}`).join("\n")
        return rest > 0 ? `${numbered}\n(${rest} more lines)` : numbered
      })
    }),
    Tool.of("list_files", {
      description: "Lists all files below a folder, without .git and node_modules.",
      effects: "pure",
      input: Schema.Struct({ path: Schema.optionalKey(PathInput) }),
      run: Effect.fnUntraced(function* ({ path: given = "." }) {
        const files = yield* filesBelow(given, yield* workspace.existing(given))
        const shown = files.slice(0, maxEntries).map(workspace.shown).join("\n")
        return files.length > maxEntries ? `${shown}\n(There are more: list a folder below.)` : shown
      })
    }),
    Tool.of("search_files", {
      description: "Finds the lines that have a text in them, as path:line: text. The text is no pattern.",
      effects: "pure",
      input: Schema.Struct({
        text: Schema.NonEmptyString.annotate({ description: "What to look for, as it stands in the files" }),
        path: Schema.optionalKey(PathInput),
        ignore_case: Schema.optionalKey(Schema.Boolean)
      }),
      run: Effect.fnUntraced(function* ({ ignore_case: ignoreCase = false, path: given = ".", text }) {
        const real = yield* workspace.existing(given)
        const info = yield* Effect.mapError(fs.stat(real), (error) => failed(given, error))
        const files = info.type === "Directory" ? yield* filesBelow(given, real) : [real]
        const wanted = ignoreCase ? text.toLowerCase() : text
        const found: Array<string> = []
        for (const file of files) {
          const content = yield* Effect.option(readText(workspace.shown(file), file))
          if (content._tag === "None") continue
          for (const [index, line] of content.value.split("\n").entries()) {
            if (!(ignoreCase ? line.toLowerCase() : line).includes(wanted)) continue
            found.push(`${workspace.shown(file)}:${index + 1}: ${line.trim().slice(0, 300)}`)
            if (found.length >= maxEntries) return `${found.join("\n")}\n(There are more: search for something rarer.)`
          }
        }
        return found.length === 0 ? "(It is nowhere.)" : found.join("\n")
      })
    }),
    Tool.of("write_file", {
      description:
        "Writes a whole file: with mode create a new one, with mode replace one that is there. Folders are made as needed. " +
        "To change a part of a file use edit_file.",
      effects: "idempotent",
      input: Schema.Struct({
        path: PathInput,
        content: Schema.String,
        mode: Schema.Literals(["create", "replace"])
      }),
      run: Effect.fnUntraced(function* ({ content, mode, path: given }, { callId }) {
        const { isThere, path: real } = yield* workspace.writable(given)
        if (isThere && (yield* readText(given, real)) === content) return `${given} has that content already`
        if (isThere && mode === "create") {
          return yield* new Tool.ToolFailed({
            why: `${JSON.stringify(given)} is there already: read it, then replace it`
          })
        }
        if (!isThere && mode === "replace") {
          return yield* new Tool.ToolFailed({ why: `There is no ${JSON.stringify(given)} to replace: create it` })
        }
        yield* replace(given, real, content, callId)
        return `${given} is written`
      })
    }),
    Tool.of("edit_file", {
      description: "Replaces a text in a file by another. The old text must stand there exactly once, with its spaces.",
      effects: "idempotent",
      input: Schema.Struct({
        path: PathInput,
        old_text: Schema.NonEmptyString,
        new_text: Schema.String
      }),
      run: Effect.fnUntraced(function* ({ new_text, old_text, path: given }, { again, callId }) {
        const real = yield* workspace.existing(given)
        const text = yield* readText(given, real)
        // Done before the process died: to do it twice is to do it once.
        if (again && isDone(text, old_text, new_text)) return `${given} is changed`
        const count = text.split(old_text).length - 1
        if (count === 0) {
          return yield* new Tool.ToolFailed({ why: `The old text is not in ${JSON.stringify(given)}: read it first` })
        }
        if (count > 1) {
          return yield* new Tool.ToolFailed({
            why: `The old text stands ${count} times in ${JSON.stringify(given)}: take more of what is around it`
          })
        }
        yield* replace(
          given,
          real,
          text.replace(old_text, () => new_text),
          callId
        )
        return `${given} is changed`
      })
    })
  ]
})

/** Whether a text has the new one, and the old one nowhere else. What is only cut out of the old one stood there before, too. */
const isDone = (text: string, oldText: string, newText: string) =>
  text.includes(newText) && !(oldText.includes(newText) ? text : text.replaceAll(newText, "\n")).includes(oldText)
