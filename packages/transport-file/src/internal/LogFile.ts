/**
 * The module that calls `node:fs` for our own logs. Its functions are synchronous and throw nothing but a `TransportError`; `attempt` turns
 * that into a typed failure, and `caught` into a value, for callbacks.
 */
import { Effect, Result } from "effect"
import { TransportError } from "@sartor/core"
import * as fs from "node:fs"
import * as path from "node:path"

export interface LogFile {
  readonly path: string
  readonly descriptor: number
  readonly inode: number
  /** When the file was made, by the clock of the system; 0 where that is not known. */
  readonly born: number
  /** When it was opened. */
  readonly sizeThen: number
  /** False where the file may be read but not written. */
  readonly writable: boolean
}

/** Runs synchronous file work for an operation of a port. */
export const attempt = <A>(operation: string, work: () => A): Effect.Effect<A, TransportError.TransportError> =>
  Effect.try({ try: work, catch: (error) => relabel(operation, ours(error)) })

export const caught = <A>(work: () => A): Result.Result<A, TransportError.TransportError> =>
  Result.try({ try: work, catch: ours })

export const relabel = (operation: string, error: TransportError.TransportError) =>
  new TransportError.TransportError({
    operation,
    reason: error.reason,
    detail: error.detail,
    ...("cause" in error ? { cause: error.cause } : {})
  })

export const failure = (reason: TransportError.Reason, file: string, what: string, cause?: unknown) =>
  new TransportError.TransportError({
    operation: "file",
    reason,
    detail: `${file}: ${what}`,
    ...(cause === undefined ? {} : { cause })
  })

/** `read` makes do with less where writing is not allowed; `create` makes the file if it is not there. */
export type Mode = "read" | "write" | "create"

/** Opens a log, never through a link. Answers nothing if it does not exist. */
export const open = (file: string, mode: Mode): LogFile | undefined => {
  const found = entry(file)
  if (found === undefined && mode !== "create") return undefined
  if (found !== undefined && found !== "file")
    throw failure("corrupt", file, `is a ${found}, not a log file; move it away`)
  const flags = O.O_RDWR | O.O_APPEND | (mode === "create" ? O.O_CREAT : 0) | O.O_NOFOLLOW | O.O_NONBLOCK
  const denied = mode === "read" ? ["EACCES", "EROFS", "EPERM"] : []
  const absent = mode === "create" ? [] : ["ENOENT"]
  const writing = guarded(file, [...absent, ...denied], () => fs.openSync(file, flags, 0o666))
  if (typeof writing === "number") return checked(file, writing, true)
  if (writing === "ENOENT") return undefined
  const reading = guarded(file, absent, () => fs.openSync(file, O.O_RDONLY | O.O_NOFOLLOW | O.O_NONBLOCK))
  return typeof reading === "number" ? checked(file, reading, false) : undefined
}

export const isOutOfDescriptors = (error: TransportError.TransportError): boolean =>
  ["EMFILE", "ENFILE"].includes(codeOf(error.cause))

export const isDenied = (error: TransportError.TransportError): boolean =>
  ["EACCES", "EPERM"].includes(codeOf(error.cause))

const checked = (file: string, descriptor: number, writable: boolean): LogFile => {
  const stats = guard(file, () => fs.fstatSync(descriptor))
  if (stats.isFile()) {
    return { path: file, descriptor, inode: stats.ino, born: stats.birthtimeMs, sizeThen: stats.size, writable }
  }
  fs.closeSync(descriptor)
  throw failure("corrupt", file, "is not a log file; move it away")
}

export const close = (file: LogFile): void => fs.closeSync(file.descriptor)

/** The size of an open log, or nothing if it was deleted meanwhile. */
export const size = (file: LogFile): number | undefined => {
  const stats = guard(file.path, () => fs.fstatSync(file.descriptor))
  return stats.nlink === 0 ? undefined : stats.size
}

export interface Look {
  readonly size: number
  readonly inode: number
  /** When anything of it was changed last, by the clock of the system. */
  readonly changed: number
}

/** What is at a path, if it is a file. */
export const look = (file: string): Look | undefined => {
  const stats = guarded(file, ["ENOENT", "ENOTDIR"], () => fs.lstatSync(file))
  if (typeof stats !== "object" || !stats.isFile()) return undefined
  return { size: stats.size, inode: stats.ino, changed: stats.ctimeMs }
}

/** Tells a directory from any other that stood or stands at its path. */
export const directoryAt = (directory: string): string | undefined => {
  const stats = guarded(directory, ["ENOENT", "ENOTDIR"], () => fs.lstatSync(directory))
  return typeof stats === "object" && stats.isDirectory() ? `${stats.dev}.${stats.ino}` : undefined
}

export const inodeOf = (directory: string): number | undefined =>
  Result.getOrUndefined(
    Result.map(
      Result.try(() => fs.statSync(directory)),
      (stats) => stats.ino
    )
  )

/** Reads until the buffer is full or the file ends. */
export const read = (file: LogFile, into: Buffer, length: number, position: number): number => {
  let total = 0
  while (total < length) {
    const count = guard(file.path, () => fs.readSync(file.descriptor, into, total, length - total, position + total))
    if (count === 0) break
    total += count
  }
  return total
}

/** One write(2), never a second one for the rest: the next frame starts on a new line anyway. */
export const append = (file: LogFile, bytes: Uint8Array): void => {
  if (!file.writable) throw translate(file.path, { code: "EROFS" })
  const count = guard(file.path, () => fs.writeSync(file.descriptor, bytes, 0, bytes.length))
  if (count < bytes.length) {
    throw failure(
      "storage_full",
      file.path,
      `only ${count} of ${bytes.length} bytes could be written; ${advice["ENOSPC"]}`
    )
  }
}

/** Creates a file that nobody else has. */
export const create = (file: string): LogFile => {
  const flags = O.O_RDWR | O.O_CREAT | O.O_EXCL | O.O_NOFOLLOW
  return checked(
    file,
    guard(file, () => fs.openSync(file, flags, 0o666)),
    true
  )
}

/** Opens a file that all processes write to in place, and makes it if it is not there. */
export const openTable = (file: string): LogFile =>
  checked(
    file,
    guard(file, () => fs.openSync(file, O.O_RDWR | O.O_CREAT | O.O_NOFOLLOW | O.O_NONBLOCK, 0o666)),
    true
  )

/** Writes all bytes at a place of a file that is not only appended to. */
export const write = (file: LogFile, bytes: Uint8Array, position: number): void => {
  for (let written = 0; written < bytes.length;) {
    const from = written
    written += guard(file.path, () => fs.writeSync(file.descriptor, bytes, from, bytes.length - from, position + from))
  }
}

export const truncate = (file: LogFile, size: number): void =>
  guard(file.path, () => fs.ftruncateSync(file.descriptor, size))

/** Gives a file another name that nothing has yet. Answers whether it got it. */
export const linkTo = (file: string, name: string): boolean =>
  guarded(name, ["EEXIST"], () => fs.linkSync(file, name)) === undefined

export const rename = (file: string, name: string): void => guard(name, () => fs.renameSync(file, name))

export const remove = (file: string): void => {
  guarded(file, ["ENOENT"], () => fs.unlinkSync(file))
}

export type Done = (error: TransportError.TransportError | undefined) => void

export const sync = (file: LogFile, done: Done): void =>
  fs.fdatasync(file.descriptor, (error) => done(error === null ? undefined : unsynced(file.path, error)))

/** Waits for the device, and everything else here waits too. */
export const syncNow = (file: LogFile): void => {
  try {
    fs.fdatasyncSync(file.descriptor)
  } catch (error) {
    throw unsynced(file.path, error)
  }
}

export const openDirectory = (directory: string): number =>
  guard(directory, () => fs.openSync(directory, O.O_RDONLY | O.O_DIRECTORY))

/** Makes the names in a directory durable, and closes it. */
export const syncDirectory = (directory: string, descriptor: number, done: Done): void =>
  fs.fsync(descriptor, (error) => {
    fs.closeSync(descriptor)
    done(error === null ? undefined : unsynced(directory, error))
  })

const unsynced = (file: string, error: unknown) =>
  failure(
    "unavailable",
    file,
    `what was written may not be on the device (${codeOf(error)}), and asking again would prove nothing; ` +
      "check the device, then start this process again",
    error
  )

/** Creates a directory and its parents, and answers the topmost that it had to create. */
export const makeDirectories = (directory: string): string | undefined => {
  // Not `recursive: true`: Node tries for ever where a parent exists and takes no directories, such as /proc.
  const made = guarded(directory, ["ENOENT", "EEXIST"], () => fs.mkdirSync(directory))
  if (made !== "ENOENT") return made === "EEXIST" ? undefined : directory
  const top = makeDirectories(path.dirname(directory))
  guard(directory, () => fs.mkdirSync(directory))
  return top ?? directory
}

/**
 * Creates the directories between a root and a file in it, none of which may be anything else, such as a link. Answers those
 * that were missing.
 */
export const makeParents = (root: string, file: string): ReadonlyArray<string> =>
  parents(root, file).filter((directory) => {
    if (isDirectory(directory)) return false
    guarded(directory, ["EEXIST"], () => fs.mkdirSync(directory))
    return isDirectory(directory)
  })

/** Whether there is a way to a file; refuses one that leads through a link below the root. */
export const checkParents = (root: string, file: string): boolean => parents(root, file).every(isDirectory)

/** The directories below a root that lead to a file, outermost first. */
export const parents = (root: string, file: string): ReadonlyArray<string> => {
  const names = path.relative(root, path.dirname(file)).split(path.sep)
  return names[0] === "" ? [] : names.map((_, index) => path.join(root, ...names.slice(0, index + 1)))
}

export const isWithin = (root: string, file: string): boolean => !path.relative(root, file).startsWith("..")

const isDirectory = (directory: string) => {
  const found = entry(directory)
  if (found === undefined || found === "directory") return found !== undefined
  throw failure("corrupt", directory, `is a ${found}, not a directory; move it away`)
}

const entry = (file: string) => {
  const stats = guarded(file, ["ENOENT", "ENOTDIR"], () => fs.lstatSync(file))
  return typeof stats === "object" ? kind(stats) : undefined
}

const kind = (found: fs.Stats | fs.Dirent) =>
  found.isFile()
    ? "file"
    : found.isDirectory()
      ? "directory"
      : found.isSymbolicLink()
        ? "symbolic link"
        : found.isFIFO()
          ? "named pipe"
          : found.isSocket()
            ? "socket"
            : "device"

export interface Listed {
  readonly name: string
  readonly kind: ReturnType<typeof kind>
}

/** What is in a directory; nothing if there is none. */
export const list = (directory: string): ReadonlyArray<Listed> => {
  const found = guarded(directory, ["ENOENT", "ENOTDIR"], () => fs.readdirSync(directory, { withFileTypes: true }))
  return typeof found === "string" ? [] : found.map((dirent) => ({ name: dirent.name, kind: kind(dirent) }))
}

export const checkWritable = (directory: string): void =>
  guard(directory, () => fs.accessSync(directory, fs.constants.R_OK | fs.constants.W_OK | fs.constants.X_OK))

/** The type number of the file system that a directory is on. */
export const fileSystem = (directory: string): number => guard(directory, () => fs.statfsSync(directory).type)

/** Text of a small file such as those in /proc, or nothing if it cannot be read. */
export const text = (file: string): string | undefined =>
  Result.getOrUndefined(Result.try(() => fs.readFileSync(file, "utf8")))

export const link = (file: string): string | undefined => Result.getOrUndefined(Result.try(() => fs.readlinkSync(file)))

/** Calls back with the names that change in a directory. Answers how to stop, or nothing where it cannot be watched. */
export const watch = (directory: string, changed: (name: string | null) => void): (() => void) | undefined => {
  const started = Result.try(() => fs.watch(directory, { persistent: false }, (_, name) => changed(name)))
  if (Result.isFailure(started)) return undefined
  started.success.on("error", () => started.success.close())
  return () => started.success.close()
}

const O = fs.constants

export const codeOf = (error: unknown): string =>
  typeof error === "object" && error !== null && "code" in error && typeof error.code === "string" ? error.code : ""

const advice: Record<string, string> = {
  ENOSPC: "the device is full: free some space and try again, nothing needs a restart",
  EDQUOT: "the quota is used up: free some space and try again, nothing needs a restart",
  EFBIG: "the file may not grow further: raise the limit (ulimit -f) and try again",
  EROFS: "the file system or the file is read-only: make it writable and try again",
  EACCES: "access is denied: give this user the right to read and write it",
  EPERM: "access is denied: it is protected, or belongs to another user",
  EMFILE: "this process has too many files open: raise its limit (ulimit -n)",
  ENFILE: "the machine has too many files open: raise its limit (fs.file-max)",
  ELOOP: "is a symbolic link, not a log file; move it away",
  ENAMETOOLONG: "the path is too long for this file system: use a shorter data directory"
}

const full = new Set(["ENOSPC", "EDQUOT", "EFBIG"])

const translate = (file: string, error: unknown) => {
  const code = codeOf(error)
  const reason = full.has(code) ? "storage_full" : code === "ELOOP" ? "corrupt" : "unavailable"
  const what = advice[code] ?? (error instanceof Error ? error.message : "cannot be used")
  return failure(reason, file, code === "" ? what : `${what} (${code})`, error instanceof Error ? error : undefined)
}

export const guard = <A>(file: string, work: () => A): A => {
  try {
    return work()
  } catch (error) {
    if (codeOf(error) === "") throw error
    throw translate(file, error)
  }
}

/** Answers the code of an error that is expected, and throws the others. */
export const guarded = <A, const Code extends string>(
  file: string,
  codes: ReadonlyArray<Code>,
  work: () => A
): A | Code => {
  try {
    return work()
  } catch (error) {
    const code = codes.find((code) => code === codeOf(error))
    if (code !== undefined) return code
    if (codeOf(error) === "") throw error
    throw translate(file, error)
  }
}

const ours = (error: unknown) => {
  if (error instanceof TransportError.TransportError) return error
  throw error
}
