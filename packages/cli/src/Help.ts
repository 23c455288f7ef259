/**
 * Help as people read it.
 *
 * @since 0.1.0
 */
import { Option } from "effect"
import { CliOutput, type HelpDoc } from "effect/cli"

/**
 * @category rendering
 * @since 0.1.0
 */
export const render = (doc: HelpDoc.HelpDoc, options: { readonly color: boolean }): string => {
  const text = CliOutput.defaultFormatter({ colors: options.color }).formatHelpDoc({
    ...doc,
    flags: doc.flags.map(brief),
    ...(doc.inheritedFlags === undefined ? {} : { inheritedFlags: doc.inheritedFlags.map(brief) }),
    ...(doc.globalFlags === undefined ? {} : { globalFlags: doc.globalFlags.map(brief) })
  })
  return text.replace(examples, "$1\n$2")
}

/** The line in which the examples begin, straight after another one. */
const examples = new RegExp(String.raw`([^\n]\n)((?:\u001b\[1m)?EXAMPLES)`)

/** The choices of a flag stand in its type already; those of the log level are too long for that. */
const brief = (flag: HelpDoc.FlagDoc): HelpDoc.FlagDoc =>
  flag.name === "log-level"
    ? {
        ...flag,
        type: "<level>",
        description: Option.some("What is logged on stderr: all to none; SARTOR_LOG_LEVEL, warn by default")
      }
    : { ...flag, description: Option.map(flag.description, (text) => text.replace(/ ?\(choices: [^)]*\)$/, "")) }
