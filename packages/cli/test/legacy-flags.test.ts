import { assert, beforeAll, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import * as fs from "node:fs"
import * as path from "node:path"
import { build } from "./internal/bundle.ts"
import { place } from "./internal/sartor.ts"

beforeAll(build)

const scripts = path.resolve(import.meta.dirname, "../../../tests/legacy/scripts")

const flags = [
  "ENABLE_BACKGROUND_AGENTS",
  "ENABLE_WAKE_MESSAGING",
  "ENABLE_SESSION_PERSISTENCE",
  "ENABLE_PARALLEL_EXECUTION"
]
const settings = Array.from({ length: 16 }, (_, bits) =>
  Object.fromEntries(flags.map((flag, index) => [flag, String((bits & (1 << index)) !== 0)]))
)

const reports = `echo '{"type":"checkpoint","phase":"testing","milestone":"half"}'; echo '{"type":"finding","summary":"seen"}'; echo done`
const workflow = JSON.stringify({
  name: "w",
  agents: [{ name: "one", role: "AUDITOR", task_type: "trace", retries: 0, command: ["sh", "-c", reports] }]
})

describe("the old scripts under every setting of the flags", () => {
  it.live(
    "L06: toggled while data exist, they go on; after a rollback they accept every file",
    () =>
      Effect.gen(function* () {
        const { folder, sartor, shell, write } = yield* place
        write("w.json", workflow)
        const file = (name: string) => path.join(folder, "data", name)
        const statuses = () => fs.readdirSync(file("agent-status")).filter((name) => name.endsWith(".json"))
        const agentOf = (name: string) => name.slice(0, -".json".length)
        const old = (line: string) =>
          Effect.map(shell(`DATA_DIR=data ${scripts}/${line}`), ({ code, stderr }) => {
            assert.deepStrictEqual([code, stderr], [0, ""], line)
          })
        /** What a line editor needs of a file, and does to it. */
        const accepts = Effect.fnUntraced(function* (name: string, value: string) {
          yield* old(`status-update.sh ${agentOf(name)} custom ${value}`)
          assert.strictEqual(JSON.parse(fs.readFileSync(file(`agent-status/${name}`), "utf8")).custom, value)
        })
        yield* old("status-update.sh old status active")
        for (const [index, env] of settings.entries()) {
          const before = new Set(statuses())
          const { code, stderr } = yield* sartor(["run", "w.json", "--quiet", "--json"], { env })
          assert.strictEqual(code, 0, `${JSON.stringify(env)}: ${stderr}`)
          const added = statuses().filter((name) => !before.has(name))
          assert.lengthOf(added, 1, JSON.stringify(env))
          const [name = ""] = added
          const status = JSON.parse(fs.readFileSync(file(`agent-status/${name}`), "utf8"))
          assert.deepInclude(status, { status: "completed", phase: "testing", milestone: "half", progress: "1.0" })
          assert.strictEqual("sartorVersion" in status, env["ENABLE_SESSION_PERSISTENCE"] === "true")
          assert.match(fs.readFileSync(file(`checkpoints/${agentOf(name)}.log`), "utf8"), /\|testing\|half\|\n$/)
          yield* accepts(name, `v${index}`)
          yield* old(`checkpoint.sh old testing m${index}`)
        }
        assert.lengthOf(fs.readFileSync(file("checkpoints/old.log"), "utf8").trimEnd().split("\n"), 16)
        const rolledBack = yield* sartor(["rollback", "--to", "files", "--no-smoke"])
        assert.strictEqual(rolledBack.code, 0, rolledBack.stderr + rolledBack.stdout)
        for (const name of statuses()) yield* accepts(name, "after")
        assert.strictEqual((yield* sartor(["verify"])).code, 0)
      }),
    120_000
  )
})
