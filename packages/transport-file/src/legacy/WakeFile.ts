/**
 * `wake/<name>.json`: a message to whoever orchestrates.
 *
 * @since 0.1.0
 */
import { LegacyFiles } from "@sartor/core"
import { Option, Result, Schema } from "effect"
import * as JsonText from "./JsonText.ts"
import * as StatusFile from "./StatusFile.ts"

/**
 * @category constructors
 * @since 0.1.0
 */
export const render = (wake: LegacyFiles.Wake): string =>
  `{\n${[
    ["wakeId", wake.wakeId],
    ["agentId", wake.agentId],
    ["type", wake.type],
    ["message", wake.message],
    ["priority", wake.priority],
    ["timestamp", wake.timestamp],
    ["acknowledged", wake.acknowledged]
  ]
    .map(([key, value]) => `  "${String(key)}": ${JsonText.literal(value ?? "")}`)
    .join(",\n")}\n}\n`

/**
 * @category constructors
 * @since 0.1.0
 */
export const parse = (text: string): Result.Result<LegacyFiles.Wake, JsonText.Damage> =>
  Result.flatMap(StatusFile.parse(text), ({ fields, root }) => {
    const read = (key: string) => StatusFile.textOf(fields.get(key))
    const type = read("type").toUpperCase()
    const priority = read("priority")
    const missing = ["wakeId", "agentId"].find((key) => read(key) === "")
    if (missing !== undefined) return Result.fail({ offset: root.start, detail: `it has no ${missing}` })
    if (!isType(type)) return Result.fail({ offset: root.start, detail: `its type is ${JSON.stringify(type)}` })
    return Result.succeed({
      wakeId: read("wakeId"),
      agentId: read("agentId"),
      type,
      message: read("message"),
      priority: isPriority(priority) ? priority : "normal",
      timestamp: read("timestamp"),
      acknowledged: fields.get("acknowledged") === true || read("acknowledged") === "true"
    })
  })

/**
 * The file of a message once that is dealt with: only that changes.
 *
 * @category constructors
 * @since 0.1.0
 */
export const acknowledge = (text: string, at: string): Result.Result<string, JsonText.Damage> =>
  Result.map(StatusFile.parse(text), (file) =>
    StatusFile.edit(file, [
      ["acknowledged", true],
      ["acknowledgedAt", at]
    ])
  )

/**
 * The name of the file of a message, with what tells it from others of the same agent and second: six hexadecimal digits.
 *
 * @category constructors
 * @since 0.1.0
 */
export const nameOf = (wake: Pick<LegacyFiles.Wake, "agentId">, epochSeconds: number, suffix: number): string =>
  `${epochSeconds}-${wake.agentId}-${hex(suffix)}.json`

/**
 * Six hexadecimal digits.
 *
 * @category constructors
 * @since 0.1.0
 */
export const hex = (number: number): string => (number & 0xffffff).toString(16).padStart(6, "0")

/**
 * @category constructors
 * @since 0.1.0
 */
export const isType: (input: unknown) => input is LegacyFiles.WakeType = Schema.is(LegacyFiles.WakeType)

/**
 * @category constructors
 * @since 0.1.0
 */
export const isPriority: (input: unknown) => input is LegacyFiles.Wake["priority"] = Schema.is(LegacyFiles.Priority)

/**
 * The second that a file name begins with.
 *
 * @category constructors
 * @since 0.1.0
 */
export const secondOf = (name: string): Option.Option<number> =>
  Option.map(Option.fromNullishOr(/^(\d{1,12})-/.exec(name)?.[1]), Number)
