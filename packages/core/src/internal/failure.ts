import { Cause } from "effect"
import { RunFailed } from "../AgentRunner.ts"

/** However an agent's run broke off, as a failure that can be recorded. */
export const failureOf = (cause: Cause.Cause<unknown>): RunFailed => {
  const error = Cause.squash(cause)
  if (error instanceof RunFailed) return error
  const detail = error instanceof Error ? error.message : String(error)
  const code = Cause.hasDies(cause) ? "defect" : Cause.hasInterruptsOnly(cause) ? "interrupted" : "error"
  return new RunFailed({ status: "failed", code, detail, retryable: true })
}
