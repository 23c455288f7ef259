import { Layer } from "effect"
import * as Journal from "../src/Journal.ts"
import { JournalSuite } from "../src/testing/index.ts"

JournalSuite.register({ name: "memory", storage: Layer.empty, layer: Journal.layerMemory, durable: false })
