import { assert, beforeAll, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import * as http from "node:http"
import type { AddressInfo } from "node:net"
import { build } from "./internal/bundle.ts"
import { place, until, workflow } from "./internal/sartor.ts"

beforeAll(build)

const sleeps = (name: string, seconds: number) => ({ name, command: ["sh", "-c", `sleep ${seconds}; echo done`] })

/** A collector that keeps what it is sent, by path. */
const collector = Effect.acquireRelease(
  Effect.promise(async () => {
    const received = new Map<string, string>()
    const server = http.createServer((request, response) => {
      let body = ""
      request.setEncoding("utf8").on("data", (chunk: string) => (body += chunk))
      request.on("end", () => {
        received.set(request.url ?? "", (received.get(request.url ?? "") ?? "") + body)
        response.end("{}")
      })
    })
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve))
    return { received, server, port: (server.address() as AddressInfo).port }
  }),
  ({ server }) => Effect.sync(() => server.close())
)

describe.concurrent("sartor run", () => {
  it.live("exports its spans and metrics to a collector over OTLP, where the environment names one", () =>
    Effect.gen(function* () {
      const { port, received } = yield* collector
      const here = yield* place
      here.write("one.json", workflow("one", [sleeps("work", 0)]))
      const env = { OTEL_EXPORTER_OTLP_ENDPOINT: `http://127.0.0.1:${port}` }
      const ended = yield* here.sartor(["run", "one.json"], { env })
      assert.strictEqual(ended.code, 0, ended.stderr)
      const traces = received.get("/v1/traces") ?? ""
      for (const name of ["workflow", "session", "run"]) assert.include(traces, `"name":"${name}"`)
      assert.include(received.get("/v1/metrics") ?? "", "sartor_runs_total")
    })
  )

  it.live("lets Prometheus read its metrics, on a port of this machine, while it runs", () =>
    Effect.gen(function* () {
      const here = yield* place
      here.write("slow.json", workflow("slow", [sleeps("quick", 0), sleeps("work", 60)]))
      const free = yield* Effect.scoped(Effect.map(collector, ({ port }) => port))
      const env = { SARTOR_PROMETHEUS_PORT: String(free) }
      yield* here.start(["run", "slow.json", "--quiet"], { env })
      let text = ""
      const read = () =>
        void fetch(`http://127.0.0.1:${free}/metrics`)
          .then((response) => response.text())
          .then((body) => (text = body))
          .catch(() => undefined)
      yield* until(() => {
        read()
        return /sartor_runs_total\{[^}]*status="complete"[^}]*\} 1/.test(text)
      })
      assert.include(text, "sartor_queue_messages")
    })
  )

  it.live("logs lines of JSON with the session and the run that they are about, where that is asked for", () =>
    Effect.gen(function* () {
      const here = yield* place
      const big = "x".repeat(150_000)
      here.write("big.json", workflow("big", [{ ...sleeps("work", 0), prompt: big }]))
      const ended = yield* here.sartor(["run", "big.json", "--quiet"], { env: { SARTOR_LOG_FORMAT: "json" } })
      const line = ended.stderr.split("\n").find((line) => line.startsWith("{"))
      const { level, message, run, session_id } = JSON.parse(line ?? "")
      assert.deepStrictEqual([level, run], ["warn", 1])
      assert.match(session_id, /^auditor-test-/)
      assert.include(message, session_id)
    })
  )

  it.live("refuses a port that is none", () =>
    Effect.gen(function* () {
      const here = yield* place
      here.write("one.json", workflow("one", [sleeps("work", 0)]))
      const ended = yield* here.sartor(["run", "one.json"], { env: { SARTOR_PROMETHEUS_PORT: "http" } })
      assert.deepStrictEqual([ended.code, ended.stderr.includes("SARTOR_PROMETHEUS_PORT")], [2, true])
    })
  )
})
