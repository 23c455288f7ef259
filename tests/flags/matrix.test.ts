import { describe, it } from "@effect/vitest"
import { assertTheSame, combinations, few } from "./matrix.ts"
import { files, memory, nats } from "./transports.ts"

describe("settings of the flags come to the same results, each in its own way", () => {
  it.live("all sixteen in memory", () => assertTheSame(memory, combinations), 120_000)
  it.live("all sixteen on files", () => assertTheSame(files, combinations), 120_000)
  it.live("some on NATS", () => assertTheSame(nats, few), 120_000)
})
