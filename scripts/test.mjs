// The project's test command: checks types, lint and format, then runs the tests. Its last line counts them all.
import { spawnSync } from "node:child_process"
import { mkdtempSync, readFileSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { bin, env, natsServer, root, setup } from "./setup.mjs"

const [mode, ...filters] =
  process.argv[2] === "--faults" ? ["faults", ...process.argv.slice(3)] : ["test", ...process.argv.slice(2)]

setup()
natsServer()

let passed = 0
let failed = 0
let skipped = 0

const run = (command, args) =>
  spawnSync(command, args, {
    cwd: root,
    env: { ...env, SARTOR_TEST_MODE: mode },
    stdio: ["ignore", "inherit", "inherit"]
  })

const check = (name, command, args) => {
  const { status } = run(command, args)
  process.stdout.write(`${status === 0 ? "ok" : "FAILED"}  ${name}\n`)
  if (status === 0) passed += 1
  else failed += 1
}

if (mode === "test" && filters.length === 0) {
  check("types", bin("tsc"), ["-p", "tsconfig.json"])
  check("lint", bin("oxlint"), ["--quiet"])
  check("format", bin("oxfmt"), ["--check"])
}

const folder = mkdtempSync(join(tmpdir(), "sartor-tests-"))
const outputFile = join(folder, "results.json")
const { status } = run(bin("vitest"), [
  "run",
  "--reporter=default",
  "--reporter=json",
  `--outputFile=${outputFile}`,
  ...filters
])
try {
  const results = JSON.parse(readFileSync(outputFile, "utf8"))
  passed += results.numPassedTests
  failed += results.numFailedTests
  skipped += results.numPendingTests + results.numTodoTests
  // A file that could not even be loaded has no tests to count.
  failed += results.testResults.filter((file) => file.status === "failed" && file.assertionResults.length === 0).length
  if (status !== 0 && failed === 0) failed = 1
} catch {
  process.stdout.write("The test runner ended without results\n")
  failed += 1
}
rmSync(folder, { recursive: true, force: true })

process.stdout.write(`${passed} passed, ${failed} failed${skipped > 0 ? `, ${skipped} skipped` : ""}\n`)
process.exitCode = failed > 0 || passed === 0 ? 1 : 0
