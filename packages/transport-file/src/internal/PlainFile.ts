/**
 * The calls of `node:fs` for files that are not ours alone: scripts of somebody else read and write them too. Synchronous, but
 * for what waits for the device; its functions throw nothing but a `TransportError` or a `LegacyFileRefused`.
 */
import { Effect } from "effect"
import { LegacyFiles, TransportError } from "@sartor/core"
import * as childProcess from "node:child_process"
import * as fs from "node:fs"
import * as path from "node:path"
import * as process from "node:process"
import { codeOf, guard, guarded, relabel, syncDirectory, type Done, failure, openDirectory } from "./LogFile.ts"

/** Runs file work for an operation, with both of its failures typed. */
export const attempt = <A>(operation: string, work: () => A) =>
  Effect.try({
    try: work,
    catch: (error) => {
      if (error instanceof LegacyFiles.LegacyFileRefused) return error
      if (error instanceof TransportError.TransportError) return relabel(operation, error)
      throw error
    }
  })

const refuse = (file: string, reason: string): never => {
  throw new LegacyFiles.LegacyFileRefused({ file, reason })
}

const busy = "is being written by somebody else right now"

/** Whether somebody else was at the same file, and may be done with it soon. */
export const isBusy = (error: unknown): boolean =>
  error instanceof LegacyFiles.LegacyFileRefused && error.reason === busy

export interface Plain {
  readonly mode: number
  readonly uid: number
  readonly gid: number
  readonly inode: number
  readonly size: number
  /** Milliseconds since the epoch. */
  readonly modified: number
}

/** What is at a path; nothing if there is nothing. Anything but a file with one name is refused. */
export const look = (file: string): Plain | undefined => {
  const stats = guarded(file, ["ENOENT", "ENOTDIR"], () => fs.lstatSync(file))
  if (typeof stats !== "object") return undefined
  if (stats.isSymbolicLink()) return refuse(file, "is a symbolic link")
  if (!stats.isFile()) return refuse(file, "is not a file")
  if (stats.nlink > 1) return refuse(file, `has ${stats.nlink} names, and would lose the others`)
  const { gid, ino: inode, mode, mtimeMs: modified, size, uid } = stats
  return { mode: mode & 0o7777, uid, gid, inode, size, modified }
}

export interface Bytes {
  readonly bytes: Buffer
  readonly modified: number
}

/** More than any legacy file. */
const maxBytes = 32 * 1024 * 1024

/** All of a file, or nothing if there is none; a link is followed, as the scripts do. A pipe is refused, it would block. */
export const read = (file: string): Bytes | undefined => {
  const opened = guarded(file, ["ENOENT", "ENOTDIR"], () => fs.openSync(file, O.O_RDONLY | O.O_NONBLOCK))
  if (typeof opened !== "number") return undefined
  try {
    const stats = guard(file, () => fs.fstatSync(opened))
    if (!stats.isFile()) return refuse(file, "is not a file")
    if (stats.size > maxBytes) return refuse(file, `has ${stats.size} bytes, more than any legacy file`)
    return { bytes: guard(file, () => fs.readFileSync(opened)), modified: stats.mtimeMs }
  } finally {
    fs.closeSync(opened)
  }
}

export interface Entry {
  readonly name: string
  readonly isDirectory: boolean
}

/** What is in a folder, by name; nothing if there is none. What begins with a dot is left out. */
export const list = (folder: string): ReadonlyArray<Entry> => {
  const found = guarded(folder, ["ENOENT", "ENOTDIR"], () => fs.readdirSync(folder, { withFileTypes: true }))
  if (typeof found === "string") return []
  return found
    .filter(({ name }) => !name.startsWith("."))
    .map((entry) => ({ name: entry.name, isDirectory: entry.isDirectory() }))
    .toSorted((a, b) => (a.name < b.name ? -1 : 1))
}

/** Drafts that somebody has left behind when they died. */
export const drafts = (folder: string): ReadonlyArray<string> => {
  const found = guarded(folder, ["ENOENT", "ENOTDIR"], () => fs.readdirSync(folder))
  return typeof found === "string" ? [] : found.filter((name) => name.startsWith(".") && name.endsWith(draftEnding))
}

export const modifiedOf = (file: string): number | undefined => {
  const stats = guarded(file, ["ENOENT", "ENOTDIR"], () => fs.lstatSync(file))
  return typeof stats === "object" ? stats.mtimeMs : undefined
}

/** Tells one state of a file from another: its inode, size and time. */
export const stampOf = (file: string): string | undefined => {
  const stats = guarded(file, ["ENOENT", "ENOTDIR"], () => fs.lstatSync(file))
  return typeof stats === "object" ? `${stats.ino}.${stats.size}.${stats.mtimeMs}` : undefined
}

export const makeFolder = (folder: string): void => {
  guard(folder, () => fs.mkdirSync(folder, { recursive: true }))
}

/** What a draft is called until it takes the place of its file: no script takes it for one. */
const draftEnding = ".sartor-draft"
export const draftOf = (file: string): string => path.join(path.dirname(file), `.${path.basename(file)}${draftEnding}`)

/**
 * Writes a draft beside a file, with its mode and its owner, and answers its descriptor. Who holds the lock of the file has
 * it to himself; for others, a draft from before a time has lost its writer.
 */
export const draft = (file: string, bytes: Uint8Array, like: Plain | undefined, abandonedBefore: number): number => {
  const name = draftOf(file)
  const flags = O.O_WRONLY | O.O_CREAT | O.O_EXCL | O.O_NOFOLLOW
  const open = () => guarded(name, ["EEXIST"], () => fs.openSync(name, flags, like === undefined ? 0o666 : 0o600))
  let opened = open()
  if (opened === "EEXIST") {
    if ((modifiedOf(name) ?? 0) >= abandonedBefore) return refuse(file, busy)
    remove(name)
    opened = open()
  }
  if (opened === "EEXIST") return refuse(file, busy)
  const descriptor = opened
  try {
    if (like !== undefined) {
      if (like.uid !== process.geteuid?.() || like.gid !== process.getegid?.()) {
        const denied = guarded(name, ["EPERM"], () => fs.fchownSync(descriptor, like.uid, like.gid))
        if (denied === "EPERM")
          return refuse(file, `belongs to user ${like.uid}, group ${like.gid}, and that cannot be kept`)
      }
      guard(name, () => fs.fchmodSync(descriptor, like.mode))
    }
    for (let written = 0; written < bytes.length;) {
      written += guard(name, () => fs.writeSync(descriptor, bytes, written, bytes.length - written))
    }
    return descriptor
  } catch (error) {
    fs.closeSync(descriptor)
    remove(name)
    throw error
  }
}

export const close = (descriptor: number): void => fs.closeSync(descriptor)
export const rename = (from: string, to: string): void => guard(to, () => fs.renameSync(from, to))
export const remove = (file: string): boolean => guarded(file, ["ENOENT"], () => fs.unlinkSync(file)) === undefined

/** Makes a file that says nothing but a time. */
export const touch = (file: string, millis: number): void => {
  guard(file, () => fs.closeSync(fs.openSync(file, "a")))
  guard(file, () => fs.utimesSync(file, millis / 1000, millis / 1000))
}

/** Keeps a copy beside a file, under a name that no script takes for one. */
export const keepBeside = (file: string, ending: string): string => {
  const name = path.join(path.dirname(file), `.${path.basename(file)}.${ending}`)
  guard(name, () => fs.copyFileSync(file, name, fs.constants.COPYFILE_EXCL))
  return name
}

export const syncFile = (file: string, descriptor: number, done: Done): void =>
  fs.fsync(descriptor, (error) =>
    done(error === null ? undefined : failure("unavailable", file, `could not be synced (${codeOf(error)})`, error))
  )

export const syncFolder = (folder: string, done: Done): void => syncDirectory(folder, openDirectory(folder), done)

/** One write at the end of a file, which is made if it is not there. Begins a new line where the last one is torn. */
export const append = (file: string, text: string): number => {
  const flags = O.O_RDWR | O.O_CREAT | O.O_APPEND | O.O_NOFOLLOW | O.O_NONBLOCK
  const descriptor = guard(file, () => fs.openSync(file, flags, 0o666))
  try {
    const { size } = guard(file, () => fs.fstatSync(descriptor))
    const last = Buffer.alloc(1)
    if (size > 0) guard(file, () => fs.readSync(descriptor, last, 0, 1, size - 1))
    const bytes = Buffer.from(size > 0 && last[0] !== 10 ? `\n${text}` : text)
    guard(file, () => fs.writeSync(descriptor, bytes))
    return descriptor
  } catch (error) {
    fs.closeSync(descriptor)
    throw error
  }
}

/** Opens a lock file, which is made if it is not there. Nothing of it is changed: a right to read it is enough. */
export const openLock = (file: string): number => {
  const opened = guarded(file, ["ELOOP", "EISDIR"], () =>
    fs.openSync(file, O.O_RDONLY | O.O_CREAT | O.O_NOFOLLOW | O.O_NONBLOCK, 0o666)
  )
  if (opened === "ELOOP") return refuse(file, "is a symbolic link, and what is locked would be another file")
  if (opened !== "EISDIR") {
    if (fs.fstatSync(opened).isFile()) return opened
    fs.closeSync(opened)
  }
  return refuse(file, "is not a file, so that nobody can lock it")
}

/** Whether a descriptor is still what stands at a path. */
export const isAt = (descriptor: number, file: string): boolean => {
  const there = guarded(file, ["ENOENT"], () => fs.statSync(file))
  const ours = guard(file, () => fs.fstatSync(descriptor))
  return typeof there === "object" && there.ino === ours.ino && there.dev === ours.dev
}

export type Locked = "locked" | "timeout" | { readonly failed: string }

/**
 * Takes flock(2) on an open file: the lock belongs to the open file, and outlives the program that took it. Answers how to give
 * up waiting.
 */
export const flock = (descriptor: number, millis: number, done: (locked: Locked) => void): (() => void) => {
  const seconds = (Math.max(millis, 1) / 1000).toFixed(3)
  const child = childProcess.spawn("flock", ["-x", "-w", seconds, "-E", "75", "3"], {
    stdio: ["ignore", "ignore", "ignore", descriptor]
  })
  let answered = false
  const answer = (locked: Locked) => {
    if (!answered) done(locked)
    answered = true
  }
  child.on("error", (error) =>
    answer({ failed: codeOf(error) === "ENOENT" ? "there is no flock program: install util-linux" : error.message })
  )
  child.on("close", (code, signal) =>
    answer(code === 0 ? "locked" : code === 75 ? "timeout" : { failed: `flock ended with ${code ?? signal}` })
  )
  return () => void child.kill("SIGKILL")
}

const O = fs.constants
