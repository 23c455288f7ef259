import { defineConfig } from "vitest/config"

/** The short form of every promise, or the long one: many kills, fault injection, other servers. */
const faults = process.env["SARTOR_TEST_MODE"] === "faults"

/** Where the processes that the tests start tell what they have executed, when that is measured. */
const measured = process.env["SARTOR_COVERAGE"] !== undefined

export default defineConfig({
  test: {
    include: faults
      ? ["packages/*/test/**/*.faults.ts", "tests/**/*.faults.ts"]
      : ["packages/*/test/**/*.test.ts", "tests/**/*.test.ts", "examples/*/test/**/*.test.mjs"],
    // One process less than there are processors is the default: much of the time is spent waiting for other processes.
    maxWorkers: faults ? 2 : 3,
    // Whoever tells what it executes is slower.
    testTimeout: faults ? 600_000 : measured ? 120_000 : 30_000,
    hookTimeout: measured ? 120_000 : 60_000,
    setupFiles: measured ? ["scripts/coverage/inherit.ts"] : [],
    coverage: {
      enabled: measured,
      provider: "v8",
      include: ["packages/*/src/**/*.ts"],
      reporter: ["json"],
      reportOnFailure: true
    }
  }
})
