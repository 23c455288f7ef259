/** What the patterns here have in common: function agents, sessions in plain files, and one way to name a task. */
import { AgentRunner, FunctionRunner, Orchestrator, type Sessions, Transport } from "@sartor/core"
import { FileTransport } from "@sartor/transport-file"
import { Console, Effect, Layer } from "effect"

/** A task for the function of that name. Its id is fixed, so that a program that was killed goes on where it was. */
export const task = (agent: string, id: string, prompt = ""): Orchestrator.Task => ({
  id,
  name: id,
  role: "IMPLEMENTER",
  taskType: agent,
  prompt,
  runner: { type: "function", name: agent },
  limits: { retries: 0 }
})

/** Runs a pattern with these agents and prints what it comes to, one line each. */
export const run = <E>(
  agents: { readonly [name: string]: FunctionRunner.AgentFunction },
  pattern: Effect.Effect<ReadonlyArray<string> | string, E, Orchestrator.Orchestrator | Sessions.Sessions>
) => {
  const transport = Transport.services(FileTransport.layer({ directory: process.argv[2] ?? "data" }))
  const fleet = Orchestrator.layer().pipe(
    Layer.provide(AgentRunner.layer({ function: FunctionRunner.make(agents) })),
    Layer.provideMerge(transport)
  )
  const program = Effect.flatMap(pattern, (lines) => Console.log([lines].flat().join("\n")))
  return Effect.runPromise(Effect.provide(program, fleet))
}
