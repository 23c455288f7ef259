import * as NodeServices from "@effect/platform-node/NodeServices"
import { Effect } from "effect"
import { main } from "./Cli.ts"
import * as Process from "./Process.ts"

Process.runMain(Effect.provide(main, NodeServices.layer))
