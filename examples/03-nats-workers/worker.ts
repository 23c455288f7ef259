/** Executes agents of every run that is open, two at once. Start as many as you like, wherever the transport reaches. */
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import * as NodeServices from "@effect/platform-node/NodeServices"
import { AgentRunner, CommandRunner, Transport, Worker } from "@sartor/core"
import { Console, Effect } from "effect"
import { dirname } from "node:path"
import { identity, transport } from "./fleet.ts"

// Agents that are Node programs run on this Node.
const env = { PATH: `${dirname(process.execPath)}:${process.env["PATH"]}` }
const runners = AgentRunner.layer({ command: CommandRunner.make({ env }) })

Worker.serve({
  ...identity,
  concurrency: 2,
  observe: ({ name }, { type }) =>
    type === "started" || type === "ended" ? Console.log(`${name} ${type}`) : Effect.void
}).pipe(
  Effect.scoped,
  Effect.provide(runners),
  Effect.provide(Transport.services(transport)),
  Effect.provide(NodeServices.layer),
  // SIGINT and SIGTERM interrupt it: what is not done is given back.
  NodeRuntime.runMain
)
