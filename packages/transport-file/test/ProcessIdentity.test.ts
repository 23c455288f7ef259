import { assert, it } from "@effect/vitest"
import { ProcessIdentity } from "@sartor/core/node"
import { Effect } from "effect"
import * as childProcess from "node:child_process"
import { child, temporary } from "./support.ts"

const self = ProcessIdentity.owner("2026-01-01T00:00:00Z")
const isGone = ProcessIdentity.makeIsGone(self, () => performance.now())

/** The owner that a process of this machine would name. */
const ownerOf = (pid: number) => {
  const text = childProcess.execFileSync("cat", [`/proc/${pid}/stat`], { encoding: "utf8" })
  return { ...self, pid, started: text.slice(text.lastIndexOf(")") + 2).split(" ")[19] ?? "" }
}

it("knows this process, and that it is not gone", () => {
  assert.strictEqual(self.pid, process.pid)
  assert.deepStrictEqual(ownerOf(process.pid), self)
  assert.isFalse(isGone(self))
})

it("takes a process id that was used again for another process", () => {
  assert.isTrue(isGone({ ...self, started: "1" }))
  assert.isTrue(isGone({ ...ownerOf(process.ppid), started: "1" }))
})

it.live("takes a process as gone once it has ended, and not before", () =>
  Effect.gen(function* () {
    const running = yield* child("take", yield* temporary, "nothing")
    const owner = ownerOf(running.process.pid ?? 0)
    assert.isFalse(isGone(owner))
    running.process.kill("SIGKILL")
    yield* running.ended
    yield* Effect.sleep("150 millis")
    assert.isTrue(isGone(owner))
    assert.isFalse(isGone({ ...owner, boot: "another boot" }), "it may run there")
    assert.isFalse(isGone({ ...owner, host: "another-host" }), "it may run there")
    assert.isFalse(isGone({ ...owner, started: "" }), "its system has no /proc")
  })
)

it("takes nobody as gone where the system has no /proc", () => {
  const blind = ProcessIdentity.makeIsGone({ ...self, boot: "", started: "" }, () => 0)
  assert.isFalse(blind({ ...self, boot: "", pid: 2 ** 22 + 1 }))
})
