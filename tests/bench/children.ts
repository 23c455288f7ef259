import { type ChildProcess, fork } from "node:child_process"
import { join } from "node:path"
import type { Name } from "./driver.ts"
import { progress } from "./measure.ts"
import type { Wrong } from "./Row.ts"

export type Command =
  | { readonly type: "lone"; readonly producer: number; readonly count: number; readonly gap: number }
  | { readonly type: "many"; readonly producer: number; readonly count: number; readonly window: number }
  | { readonly type: "consume"; readonly parallel: number }
  /** Answers once so many are acknowledged since the process began. */
  | { readonly type: "await"; readonly total: number }
  | { readonly type: "close" }

export interface Reply {
  readonly latencies: ReadonlyArray<number>
  readonly began: number
  readonly ended: number
  readonly wrong?: Wrong
}

export interface Child {
  readonly tell: (command: Command) => Promise<Reply>
  readonly close: () => Promise<void>
}

/** Starts a process that sends or takes over a directory. */
export const start = async (name: Name, directory: string, env: NodeJS.ProcessEnv = {}): Promise<Child> => {
  const child = fork(join(import.meta.dirname, "child.ts"), [name, directory], {
    env: { ...process.env, ...env },
    execArgv: ["--disable-warning=ExperimentalWarning"]
  })
  await answer(child)
  return {
    tell: (command) => {
      const reply = answer(child)
      child.send(command)
      return reply
    },
    close: async () => {
      const gone = new Promise((resolve) => child.once("exit", resolve))
      child.send({ type: "close" })
      await gone
    }
  }
}

const answer = (child: ChildProcess): Promise<Reply> =>
  new Promise((resolve, reject) => {
    const exited = (code: number | null) => reject(new Error(`a process of the bench ended with ${code}`))
    child.once("exit", exited)
    child.once("message", (reply: Reply) => {
      child.off("exit", exited)
      resolve(reply)
    })
  })

/** As many as a process needs until its code is compiled. */
export const warmUp = 5_000

/** Those that flush once a message have little code to compile. */
const warmUpOf = (name: Name) => (name === "raw" || name === "sqlite" ? 500 : warmUp)

/** A process that has sent its warm-up. */
export const startSender = async (
  name: Name,
  directory: string,
  { env = {}, producer = 0 }: { readonly env?: NodeJS.ProcessEnv; readonly producer?: number } = {}
): Promise<Child> => {
  progress(`  ${name}: warming up`)
  const child = await start(name, directory, env)
  // The first message alone: it makes the file, and what is sent meanwhile has no order.
  await child.tell({ type: "lone", producer, count: 1, gap: 0 })
  await child.tell({ type: "many", producer, count: warmUpOf(name) - 1, window: 100 })
  return child
}

/** A process that sends and one that takes, both warm. */
export interface Pair {
  /** Sends, and waits until all of it is acknowledged. Answers how long that took, in microseconds, and what came. */
  readonly send: (count: number, how: { readonly window: number } | { readonly gap: number }) => Promise<Sent>
  readonly close: () => Promise<unknown>
}

export interface Sent {
  readonly elapsed: number
  readonly deliveries: ReadonlyArray<number>
  readonly wrong: Wrong
}

export const startPair = async (
  name: Name,
  directory: string,
  parallel: number,
  env: NodeJS.ProcessEnv = {}
): Promise<Pair> => {
  progress(`  ${name}: warming up a sender and a taker`)
  const sender = await start(name, directory, env)
  const taker = await start(name, directory, env)
  let total = 0
  const send: Pair["send"] = async (count, how) => {
    total += count
    const sending = sender.tell(
      "gap" in how
        ? { type: "lone", producer: 0, count, gap: how.gap }
        : { type: "many", producer: 0, count, window: how.window }
    )
    const [began, ended] = await Promise.all([sending, taker.tell({ type: "await", total })])
    const wrong = ended.wrong ?? { lost: count, duplicated: 0, outOfOrder: 0 }
    return { elapsed: ended.ended - began.began, deliveries: ended.latencies, wrong }
  }
  await sender.tell({ type: "lone", producer: 0, count: 1, gap: 0 })
  total = 1
  await taker.tell({ type: "consume", parallel })
  await send(warmUpOf(name) - 1, { window: 100 })
  return { send, close: () => Promise.all([sender.close(), taker.close()]) }
}
