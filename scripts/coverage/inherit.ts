/**
 * Lets the processes that a test starts tell what they have executed. The tests' own processes don't: those are measured by
 * the test runner.
 */
const { SARTOR_COVERAGE } = process.env

if (SARTOR_COVERAGE !== undefined) process.env["NODE_V8_COVERAGE"] = SARTOR_COVERAGE
