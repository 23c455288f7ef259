/**
 * Tells who this process is, and whether another one is gone for certain. Where there is no `/proc` nobody is ever gone: the
 * lease decides.
 *
 * @since 0.1.0
 */
import { Option, Result } from "effect"
import type * as QueueLog from "../QueueLog.ts"
import * as fs from "node:fs"
import * as os from "node:os"
import * as process from "node:process"

/**
 * This process, as the owner of what it takes.
 *
 * @category constructors
 * @since 0.1.0
 */
export const owner = (since: string): QueueLog.Owner => ({
  host: os.hostname(),
  pid: process.pid,
  boot: boot(),
  started: Option.match(status(process.pid), { onNone: () => "", onSome: ({ started }) => started }),
  since
})

/**
 * Answers for an owner whether it is proven dead; what is true of it stays true, the rest is asked again after a while.
 *
 * @category constructors
 * @since 0.1.0
 */
export const makeIsGone = (self: QueueLog.Owner, monotonicMillis: () => number) => {
  const answers = new Map<string, { readonly gone: boolean; readonly until: number }>()
  return (owner: QueueLog.Owner): boolean => {
    if (self.boot === "" || owner.boot !== self.boot || owner.host !== self.host || owner.started === "") return false
    if (owner.pid === self.pid) return owner.started !== self.started
    const id = `${owner.pid} ${owner.started}`
    const now = monotonicMillis()
    const known = answers.get(id)
    if (known !== undefined && (known.gone || now < known.until)) return known.gone
    if (answers.size > 4096) answers.clear()
    const gone = isGone(owner)
    answers.set(id, { gone, until: now + 100 })
    return gone
  }
}

const isGone = ({ pid, started }: QueueLog.Owner) => {
  // The table may hide the processes of other users: only the kernel's answer counts for absence.
  const signalled = Result.try(() => process.kill(pid, 0))
  if (Result.isFailure(signalled) && codeOf(signalled.failure) === "ESRCH") return true
  return Option.exists(status(pid), (now) => now.zombie || now.started !== started)
}

const codeOf = (error: unknown) =>
  typeof error === "object" && error !== null && "code" in error ? error.code : undefined

/** This boot of the machine and, because a container counts its own process ids, their namespace. */
const boot = () => {
  const id = text("/proc/sys/kernel/random/boot_id")
  return id === undefined ? "" : `${id.trim()} ${link("/proc/self/ns/pid") ?? ""}`.trim()
}

/** Fields 3 and 22 of a process's status. The second one, its name, may hold anything, but ends with the last parenthesis. */
const status = (pid: number) => {
  const content = text(`/proc/${pid}/stat`)
  if (content === undefined) return Option.none()
  const fields = content.slice(content.lastIndexOf(")") + 2).split(" ")
  return Option.some({ zombie: fields[0] === "Z" || fields[0] === "X", started: fields[19] ?? "" })
}

const text = (file: string) => Result.getOrUndefined(Result.try(() => fs.readFileSync(file, "utf8")))
const link = (file: string) => Result.getOrUndefined(Result.try(() => fs.readlinkSync(file)))
