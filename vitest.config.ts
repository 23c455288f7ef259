import { defineConfig } from "vitest/config"

/** The short form of every promise, or the long one: many kills, fault injection, other servers. */
const faults = process.env["SARTOR_TEST_MODE"] === "faults"

export default defineConfig({
  test: {
    include: faults
      ? ["packages/*/test/**/*.faults.ts", "tests/**/*.faults.ts"]
      : ["packages/*/test/**/*.test.ts", "tests/**/*.test.ts", "examples/*/test/**/*.test.mjs"],
    // One process less than there are processors is the default: much of the time is spent waiting for other processes.
    maxWorkers: faults ? 2 : 3,
    testTimeout: faults ? 600_000 : 30_000,
    hookTimeout: 60_000
  }
})
