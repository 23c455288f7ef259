/** A fleet inside the test's own process, on files in a folder of its own: command agents, and functions. */
import { NodeServices } from "@effect/platform-node"
import {
  AgentRunner,
  CommandRunner,
  FunctionRunner,
  type Orchestrator,
  type Sessions,
  Transport,
  type Wakes
} from "@sartor/core"
import { FileTransport } from "@sartor/transport-file"
import { Effect, Layer, Logger, type Scope } from "effect"
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"

export const folder = Effect.acquireRelease(
  Effect.sync(() => mkdtempSync(join(tmpdir(), "sartor-fleet-"))),
  (folder) => Effect.sync(() => rmSync(folder, { recursive: true, force: true }))
)

export type Services = AgentRunner.AgentRunner | Sessions.Sessions | Transport.Transport | Wakes.Wakes

export const onFiles = <A, E>(
  functions: { readonly [name: string]: FunctionRunner.AgentFunction },
  use: (folder: string) => Effect.Effect<A, E, Services | Scope.Scope>
) =>
  Effect.scoped(
    Effect.flatMap(folder, (folder) =>
      use(folder).pipe(
        Effect.scoped,
        Effect.provide(AgentRunner.layer({ command: CommandRunner.make(), function: FunctionRunner.make(functions) })),
        Effect.provide(Transport.services(FileTransport.layer({ directory: join(folder, "data") }))),
        Effect.provide(Layer.merge(NodeServices.layer, Logger.layer([])))
      )
    )
  )

export const shell = (
  name: string,
  script: string,
  limits: Orchestrator.Task["limits"] = { retries: 0 }
): Orchestrator.Task => ({
  name,
  id: `impl-${name}`,
  role: "IMPLEMENTER",
  taskType: "row",
  runner: { type: "command", command: ["/bin/sh", "-c", script] },
  limits
})

/** The agent of that name, in code: the function `work`. */
export const inCode = (name: string, role = "IMPLEMENTER"): Orchestrator.Task => ({
  name,
  id: `impl-${name}`,
  role,
  taskType: "row",
  runner: { type: "function", name: "work" },
  limits: { retries: 0 }
})
