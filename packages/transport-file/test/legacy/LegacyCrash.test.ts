import { assert, describe, it } from "@effect/vitest"
import { Duration, Effect } from "effect"
import * as childProcess from "node:child_process"
import * as process from "node:process"
import { fileURLToPath } from "node:url"
import { legacy, parse } from "./support.ts"

const counter = fileURLToPath(new URL("counter.ts", import.meta.url))

describe("a process of ours that is killed while it edits", () => {
  it.live(
    "leaves a whole file with every update that it was told of, and a lock that is free",
    () =>
      Effect.gen(function* () {
        const { directory, files, read, write } = yield* legacy
        write("a", '{\n  "agentId": "a",\n  "count": "0"\n}\n')
        for (let round = 0; round < 12; round++) {
          const child = childProcess.spawn(process.execPath, [counter, directory, "a", "100000"], { stdio: "ignore" })
          const before = Number(parse(read("a"))["count"])
          while (Number(parse(read("a"))["count"]) < before + 3) yield* Effect.sleep("5 millis")
          yield* Effect.sleep(Duration.millis(((round * 7) % 12) + 1))
          const ended = new Promise((resolve) => child.on("close", resolve))
          child.kill("SIGKILL")
          yield* Effect.promise(() => ended)
          const count = Number(parse(read("a"))["count"])
          assert.isAtLeast(count, before + 3)
          const [took] = yield* Effect.timed(files.update("a", () => [["round", String(round)]]))
          assert.isBelow(Duration.toMillis(took), 2000)
          assert.deepInclude(parse(read("a")), { count: String(count), round: String(round) })
        }
      }),
    90_000
  )
})
