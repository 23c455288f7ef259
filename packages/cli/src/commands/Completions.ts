/**
 * `sartor completions`
 *
 * @since 0.1.0
 */
import { Effect } from "effect"
import { Argument, Command, Completions } from "effect/cli"
import { Output } from "../Output.ts"

/**
 * Makes the command for a tree of commands, which it is itself a part of.
 *
 * @category commands
 * @since 0.1.0
 */
export const completions = (root: () => Command.Command.Any) =>
  Command.make(
    "completions",
    {
      shell: Argument.Literals("shell", ["bash", "zsh", "fish", "powershell"]).pipe(
        Argument.withDescription("bash, zsh, fish or powershell")
      )
    },
    Effect.fnUntraced(function* ({ shell }) {
      const output = yield* Output
      const script = Completions.generate("sartor", shell, Completions.fromCommand(root()))
      yield* output.print({ shell, script }, () => script)
    })
  ).pipe(
    Command.withDescription("Print a script that completes sartor's commands and flags in a shell"),
    Command.withExamples([
      { command: "sartor completions bash > ~/.local/share/bash-completion/completions/sartor" },
      { command: "sartor completions fish > ~/.config/fish/completions/sartor.fish" }
    ])
  )
