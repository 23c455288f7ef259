import { assert, beforeAll, describe, it } from "@effect/vitest"
import { Sessions } from "@sartor/core"
import { Effect } from "effect"
import * as MonitorView from "../src/MonitorView.ts"
import * as Text from "../src/report/Text.ts"
import { build } from "./internal/bundle.ts"
import { type Place, place, until, workflow } from "./internal/sartor.ts"

beforeAll(build)

interface Document {
  readonly at: string
  readonly sessions: ReadonlyArray<{ readonly session_id: string; readonly status: string }>
  readonly runs: ReadonlyArray<{ readonly status: string }>
  readonly wakes: ReadonlyArray<{ readonly session_id: string }>
  readonly alerts: ReadonlyArray<{ readonly type: string; readonly message: string }>
}

const documentsOf = (text: string): ReadonlyArray<Document> =>
  text
    .split("\n")
    .slice(0, -1)
    .map((line) => JSON.parse(line))

const create = ({ sartor }: Place, id: string) =>
  sartor(["session", "create", "--role", "auditor", "--task-type", "x", "--id", id])

/** A wake that was sent an hour ago. */
const late = ({ sartor }: Place, id: string) =>
  sartor(["wake", "send", "--message", "-"], {
    input: JSON.stringify({
      session_id: id,
      agent_role: "AUDITOR",
      status: "blocked",
      summary: "Which one?",
      timestamp: new Date(Date.now() - 3_600_000).toISOString()
    })
  })

describe.concurrent("sartor monitor", () => {
  it.live("prints a document whenever something has changed, and none while nothing does", () =>
    Effect.gen(function* () {
      const here = yield* place
      here.write(
        "slow.json",
        workflow("slow", [{ name: "slow", command: ["sh", "-c", "until test -e go; do sleep 0.1; done; echo done"] }])
      )
      const monitor = yield* here.start(["monitor", "--json"])
      yield* until(() => monitor.stdout().includes("\n"))
      const run = yield* here.start(["run", "slow.json", "--quiet"])
      const last = () => documentsOf(monitor.stdout()).at(-1)
      yield* until(() => last()?.runs[0]?.status === "running" && last()?.sessions[0]?.status === "running")
      const quiet = documentsOf(monitor.stdout()).length
      yield* Effect.sleep("3 seconds")
      assert.isAtMost(documentsOf(monitor.stdout()).length, quiet + 1)
      here.write("go", "")
      yield* run.ended
      yield* until(() => last()?.runs[0]?.status === "complete")
      monitor.child.kill("SIGTERM")
      const { code, stderr } = yield* monitor.ended
      assert.deepStrictEqual([code, stderr], [143, ""])
    })
  )

  it.live("raises an alert for a wake that has waited for more than a minute, until it is acknowledged", () =>
    Effect.gen(function* () {
      const here = yield* place
      yield* create(here, "one-1")
      const { stdout } = yield* late(here, "one-1")
      const once = yield* here.json<Document>(["monitor", "--once"])
      assert.deepStrictEqual(
        once.document.alerts.map(({ type }) => type),
        ["unacknowledged"]
      )
      assert.include(once.document.alerts[0]?.message, stdout.trim())
      const monitor = yield* here.start(["monitor"])
      yield* until(() => /^ALERTS: 1\nALERT +WHAT\nunacknowledged +Wake one-1/m.test(monitor.stdout()))
      yield* here.sartor(["wake", "ack", stdout.trim()])
      yield* until(() => /\n\n\d{4}-\S+Z\n\nALERTS: none\n/.test(monitor.stdout()))
      monitor.child.kill("SIGINT")
      assert.strictEqual((yield* monitor.ended).code, 130)
    })
  )

  it.live("draws on a terminal in place, and puts the cursor back when Ctrl-C ends it", () =>
    Effect.gen(function* () {
      const here = yield* place
      yield* create(here, "one-1")
      const { code } = yield* here.shell(
        [
          "touch screen",
          `(until grep -q two-2 screen; do sleep 0.1; done; printf '\\003'; sleep 2) |`,
          `  TERM=xterm script -qefc 'stty rows 20 cols 70; exec "$NODE" "$SARTOR" monitor' screen > /dev/null &`,
          "until grep -q one-1 screen; do sleep 0.1; done",
          "sartor session create --role auditor --task-type x --id two-2 > created",
          "wait $!"
        ].join("\n")
      )
      const screen = here.read("screen")
      assert.strictEqual(code, 130)
      assert.strictEqual(screen.split("\u001b[?25l").length, 2)
      // Up to where the lines began, and everything below that is gone.
      assert.include(screen, "A\u001b[J")
      assert.isAbove(screen.lastIndexOf("\u001b[?25h"), screen.lastIndexOf("two-2"))
      assert.match(screen, /SESSIONS: 2/)
    })
  )

  it.live("tells at once what is wrong with the data, and ends", () =>
    Effect.gen(function* () {
      const { sartor, write } = yield* place
      write("file", "")
      const { code, stderr } = yield* sartor(["monitor", "--data-dir", "file"])
      assert.strictEqual(code, 5, stderr)
    })
  )
})

describe("the screen of sartor monitor", () => {
  it.live("fits every terminal, and keeps alerts and what is going on for longest", () =>
    Effect.gen(function* () {
      const here = yield* place
      const session = yield* here.seed(
        Sessions.Sessions.use((sessions) =>
          sessions.create({ role: "auditor", taskType: "x", prompt: "漢字".repeat(99) })
        )
      )
      const ended = { ...session, status: "complete" as const, session_id: session.session_id }
      const seen: MonitorView.Seen = {
        now: 0,
        agents: [],
        messages: [],
        runs: [],
        wakes: [],
        sessions: [ended, ended, ended, { ...session, status: "running" }],
        alerts: [{ type: "id_collision", session_id: "x".repeat(90), value: 1, limit: 0 }],
        queues: Array.from({ length: 30 }, (_, index) => ({
          name: `wake/${index}`,
          ready: 1,
          in_flight: 0,
          delayed: 0,
          dead: 0,
          oldest_age_ms: 9
        }))
      }
      for (const width of [20, 60, 200]) {
        for (const rows of [4, 9, 12, 24, 100]) {
          const look = { color: true, unicode: true, animates: true, terminal: true, width, rows }
          const frame = MonitorView.frame(seen, 1000, "data, default", look)
          const plain = frame.map(Text.clean)
          assert.isAtMost(frame.length, rows - 1)
          for (const line of plain) assert.isAtMost(Text.cells(line), width, line)
          assert.include(plain.join("\n"), "ALERTS: 1")
          if (rows >= 12 && width > 60) assert.match(plain.join("\n"), /id_collision[^]* running /)
        }
      }
    })
  )
})
