import { assert, describe, it } from "@effect/vitest"
import { Lease, TransportError } from "@sartor/core"
import { Cause, ConfigProvider, Effect } from "effect"
import * as Failure from "../src/Failure.ts"
import * as Output from "../src/Output.ts"
import * as Process from "../src/Process.ts"

const look = { color: false, unicode: true, animates: false, terminal: false, width: 80 }

/** Tells a failure to an output that keeps what it is told. */
const told = Effect.fnUntraced(function* (
  cause: Parameters<typeof Output.fail>[1],
  { env = {}, json = false }: { readonly json?: boolean; readonly env?: { readonly [name: string]: string } } = {}
) {
  const stdout: Array<string> = []
  const stderr: Array<string> = []
  const keep = (to: Array<string>) => (text: string) => Effect.sync(() => void to.push(text))
  const output = Output.Output.of({
    json,
    print: () => Effect.void,
    line: () => Effect.void,
    raw: keep(stdout),
    note: keep(stderr),
    look: () => Effect.succeed(look),
    takeScreen: () => Effect.void
  })
  const provider = ConfigProvider.fromUnknown(env)
  const code = yield* Output.fail(output, cause).pipe(Effect.provide(ConfigProvider.layer(provider)))
  return { code, stdout: stdout.join(""), stderr: stderr.join("") }
})

describe("Output.fail", () => {
  it.effect("tells of a mistake of ours in a line, and of all of it with SARTOR_DEBUG", () =>
    Effect.gen(function* () {
      const defect = Cause.die(new Error("this is\nnot right"))
      const brief = yield* told(defect)
      assert.deepStrictEqual(brief, {
        code: 1,
        stdout: "",
        stderr:
          "sartor: this is a mistake in sartor: this is not right\n        with SARTOR_DEBUG=1 in the environment it tells more\n"
      })
      const document = yield* told(defect, { json: true })
      assert.strictEqual(document.stderr, "")
      assert.strictEqual(JSON.parse(document.stdout).error.code, "internal")
      const whole = yield* told(defect, { env: { SARTOR_DEBUG: "1" } })
      assert.match(whole.stderr, /not right\n +at /)
    })
  )

  it.effect("gives each kind of failure its code and its exit", () =>
    Effect.gen(function* () {
      const transport = (reason: TransportError.Reason) =>
        new TransportError.TransportError({ operation: "Journal.append", reason, detail: "/data" })
      const owner = { host: "here", pid: 7, boot: "", started: "", since: "2026-01-31T12:00:00.000Z" }
      const cases: ReadonlyArray<readonly [Failure.Known, number, string]> = [
        [transport("unavailable"), 5, "transport_unavailable"],
        [transport("unsupported_format"), 5, "transport_unavailable"],
        [transport("storage_full"), 5, "storage_full"],
        [transport("corrupt"), 1, "corrupt"],
        [transport("too_large"), 2, "bad_input"],
        [new Lease.Owned({ name: "audit-1", owner }), 4, "owned"],
        [Failure.badInput("no"), 2, "bad_input"]
      ]
      for (const [error, code, name] of cases) {
        const { code: exit, stdout } = yield* told(Cause.fail(error), { json: true })
        const document = JSON.parse(stdout).error
        assert.deepStrictEqual([exit, document.code], [code, name])
      }
      const owned = yield* told(Cause.fail(new Lease.Owned({ name: "audit-1", owner })))
      assert.match(owned.stderr, /process 7 on here since 2026-01-31T12:00:00.000Z/)
    })
  )

  it.effect("says nothing about a reader that has left, and what is wrong with a disk", () =>
    Effect.gen(function* () {
      const left = yield* told(Cause.fail(new Process.OutputClosed()), { json: true })
      assert.deepStrictEqual(left, { code: 141, stdout: "", stderr: "" })
      const full = yield* told(Cause.fail(new Process.OutputFailed({ stream: "stdout", detail: "ENOSPC" })))
      assert.deepStrictEqual(full, { code: 1, stdout: "", stderr: "sartor: stdout cannot be written: ENOSPC" })
    })
  )
})
