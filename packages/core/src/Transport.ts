/**
 * What an application chooses per deployment: an implementation of both ports.
 *
 * @since 0.1.0
 */
import { Layer } from "effect"
import * as Journal from "./Journal.ts"
import * as Queue from "./Queue.ts"
import * as Sessions from "./Sessions.ts"
import * as Wakes from "./Wakes.ts"

/**
 * Both ports. A transport is a layer of them.
 *
 * @category models
 * @since 0.1.0
 */
export type Transport = Journal.Journal | Queue.Queue

/**
 * Keeps everything in memory: for tests, and for what may be lost with the process.
 *
 * @category layers
 * @since 0.1.0
 */
export const layerMemory: Layer.Layer<Transport> = Layer.merge(Journal.layerMemory, Queue.layerMemory)

/**
 * Sessions and wakes over a transport, which stays visible beside them.
 *
 * @category layers
 * @since 0.1.0
 */
export const services = <E, R>(
  transport: Layer.Layer<Transport, E, R>
): Layer.Layer<Transport | Sessions.Sessions | Wakes.Wakes, E, R> =>
  Wakes.layer.pipe(Layer.provideMerge(Sessions.layer), Layer.provideMerge(transport))
