/** An orchestrator that executes nothing, and workers in processes of their own, on one nats-server: what may go wrong between them does. */
import { writeFileSync } from "node:fs"
import { join } from "node:path"
import { assert } from "vitest"
import { natsServer, proxy, restart } from "./nats.ts"
import { json, start, type Started, within } from "./sartor.ts"

/** Agents that need nothing of each other, and one that tells what they have found. */
const workflow = (agents: number, seconds: (index: number) => number) => {
  const names = Array.from({ length: agents }, (_, index) => `a${index}`)
  const entry = (name: string, rest: string) =>
    `  - { name: ${name}, role: AUDITOR, task_type: far, prompt: Go, ${rest} }`
  return [
    "name: far",
    "max_parallel: 6",
    "agents:",
    ...names.map((name, index) => entry(name, `command: [sh, -c, "sleep ${seconds(index)}; echo ${name} is done"]`)),
    entry("report", `needs: [${names.join(", ")}], synthesize: true, command: [sh, -c, "echo told"]`),
    ""
  ].join("\n")
}

interface Committed {
  readonly type: string
  readonly session_id: string
  readonly run: number
}

export interface Far extends Started {
  /** What it says that it has committed. */
  readonly committed: () => ReadonlyArray<Committed>
}

export interface Fleet {
  readonly server: Awaited<ReturnType<typeof natsServer>>
  readonly proxy: Awaited<ReturnType<typeof proxy>>
  readonly orchestrator: Started
  /** Starts a worker, as on a machine of its own: with its own data, at the server or behind the proxy. */
  readonly worker: (name: string, options?: { readonly behindProxy?: boolean }) => Far
  /** Starts the server again, after kill -9. */
  readonly restart: () => Promise<void>
  readonly history: (sessionId: string) => Promise<ReadonlyArray<Recorded>>
  /** Waits for the end, and makes sure that every agent has completed once, and that the ledger balances. */
  readonly settle: (why: string) => Promise<ReadonlyArray<ReadonlyArray<Recorded>>>
}

export interface Recorded {
  readonly kind: string
  readonly run: number
  readonly worker?: { readonly pid?: number }
}

export const startFleet = async (
  cleanups: Array<() => void>,
  folder: string,
  options: { readonly agents: number; readonly seconds: (index: number) => number }
): Promise<Fleet> => {
  const server = await natsServer(cleanups)
  const between = await proxy(cleanups, server.port)
  const file = join(folder, "far.yaml")
  writeFileSync(file, workflow(options.agents, options.seconds))
  const members: Array<Started> = []
  cleanups.push(() => members.forEach(({ child }) => child.kill("SIGKILL")))
  const at = (name: string, url: string) => ["--transport", "nats", "--nats-url", url, "--data-dir", join(folder, name)]
  const home = at("home", server.url)
  const begin = (args: ReadonlyArray<string>) => {
    const member = start(args)
    members.push(member)
    return member
  }
  const history = (id: string): Promise<ReadonlyArray<Recorded>> => json(["session", "history", id, ...home])
  const orchestrator = begin(["run", file, "--run-id", "far", "--elsewhere", "--json", "--quiet", ...home])
  const workers: Array<Started> = []

  return {
    server,
    proxy: between,
    orchestrator,
    worker: (name, { behindProxy = false } = {}) => {
      const url = behindProxy ? between.url : server.url
      const worker = begin(["worker", "--concurrency", "2", "--json", "--log-level", "info", ...at(name, url)])
      workers.push(worker)
      let text = ""
      worker.child.stdout?.on("data", (chunk: string) => (text += chunk))
      const lines = () => text.split("\n").slice(0, -1)
      return { ...worker, committed: () => lines().map((line): Committed => JSON.parse(line)) }
    },
    restart: () => restart(server),
    history,
    settle: async (why) => {
      const late = new Promise<undefined>((resolve) => setTimeout(resolve, 120_000, undefined))
      const ended = await Promise.race([orchestrator.ended, late])
      assert.isDefined(ended, `the fleet does not come to an end: ${why}`)
      assert.strictEqual(ended?.code, 0, `${why}: ${ended?.stdout} ${ended?.stderr}`)
      const document = JSON.parse(ended?.stdout ?? "")
      const agents: ReadonlyArray<{ readonly status: string; readonly session_id: string }> = document.agents
      assert.deepStrictEqual(new Set(agents.map(({ status }) => status)), new Set(["complete"]), why)
      assert.strictEqual(document.synthesis.report.census.reported, options.agents, why)
      for (const worker of workers) worker.child.kill("SIGTERM")
      for (const worker of workers) assert.include([143, null], (await worker.ended).code, why)
      // One after the other: so many processes at once would be too late for their server.
      const histories: Array<Awaited<ReturnType<typeof history>>> = []
      for (const { session_id } of agents) {
        const records = await history(session_id)
        histories.push(records)
        assert.isArray(records, `${why}: ${JSON.stringify(records)}`)
        assert.strictEqual(
          records.filter(({ kind }) => kind === "ended").length,
          1,
          `${why}: ${JSON.stringify(records)}`
        )
      }
      const audit = await json(["wake", "audit", ...home])
      const { acknowledged, committed, ...rest } = audit
      assert.deepStrictEqual([committed, acknowledged], [options.agents + 1, options.agents + 1], why)
      assert.deepStrictEqual(
        rest,
        { pending: 0, dead: 0, balanced: true, missing: [], unknown: [], repeated: [] },
        `${why}: ${JSON.stringify(audit)}`
      )
      return histories
    }
  }
}

/** What a worker has begun and not ended. */
export const inHand = (worker: Far) => {
  const committed = worker.committed()
  const over = new Set(["ended", "suspended", "attempt_failed"])
  const done = new Set(committed.flatMap(({ session_id, type }) => (over.has(type) ? [session_id] : [])))
  return committed.filter(({ session_id, type }) => type === "started" && !done.has(session_id))
}

export const eventually = async (what: string, holds: () => boolean | Promise<boolean>) =>
  assert.isTrue(await within(60_000, holds), what)
