import { Layer } from "effect"
import * as Queue from "../src/Queue.ts"
import { QueueSuite } from "../src/testing/index.ts"

QueueSuite.register({ name: "memory", storage: Layer.empty, layer: Queue.layerMemory, durable: false })
