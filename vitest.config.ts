import { defineConfig } from "vitest/config"

export default defineConfig({
  test: {
    include: ["packages/*/test/**/*.test.ts", "tests/**/*.test.ts", "examples/*/test/**/*.test.mjs"],
    testTimeout: 30_000,
    hookTimeout: 60_000
  }
})
