/**
 * `feedback/<agentId>-<epoch>-<6 digits>.json`: what somebody has to say to an agent.
 *
 * @since 0.1.0
 */
import { Result, Schema } from "effect"
import * as JsonText from "./JsonText.ts"
import * as StatusFile from "./StatusFile.ts"

/**
 * @category schemas
 * @since 0.1.0
 */
export const Type = Schema.Literals(["suggestion", "correction", "blocker", "approval"])

/**
 * @category schemas
 * @since 0.1.0
 */
export const Severity = Schema.Literals(["info", "warning", "critical"])

/**
 * @category models
 * @since 0.1.0
 */
export interface Feedback {
  readonly feedbackId: string
  readonly targetAgent: string
  readonly type: string
  readonly severity: string
  readonly message: string
  readonly timestamp: string
  readonly acknowledged: boolean
}

/**
 * @category constructors
 * @since 0.1.0
 */
export const render = (feedback: Feedback): string => {
  const { acknowledged, feedbackId, message, severity, targetAgent, timestamp, type } = feedback
  return StatusFile.make(Object.entries({ feedbackId, targetAgent, type, severity, message, timestamp, acknowledged }))
}

/**
 * @category constructors
 * @since 0.1.0
 */
export const parse = (text: string): Result.Result<Feedback, JsonText.Damage> =>
  Result.flatMap(StatusFile.parse(text), ({ fields, root }) => {
    const read = (key: string) => StatusFile.textOf(fields.get(key))
    if (read("feedbackId") === "") return Result.fail({ offset: root.start, detail: "it has no feedbackId" })
    return Result.succeed({
      feedbackId: read("feedbackId"),
      targetAgent: read("targetAgent"),
      type: read("type"),
      severity: read("severity"),
      message: read("message"),
      timestamp: read("timestamp"),
      acknowledged: fields.get("acknowledged") === true
    })
  })

/**
 * The file once the agent has read it, with what it answers.
 *
 * @category constructors
 * @since 0.1.0
 */
export const acknowledge = (text: string, at: string, response?: string): Result.Result<string, JsonText.Damage> =>
  Result.map(StatusFile.parse(text), (file) =>
    StatusFile.edit(file, [
      ["acknowledged", true],
      ["acknowledgedAt", at],
      ...(response === undefined ? [] : [["response", response] as const])
    ])
  )
