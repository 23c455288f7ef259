/**
 * What an application chooses per deployment: an implementation of both ports.
 *
 * @since 0.1.0
 */
import { Layer } from "effect"
import * as Flags from "./Flags.ts"
import * as Journal from "./Journal.ts"
import * as Queue from "./Queue.ts"
import * as Sessions from "./Sessions.ts"
import type { TransportError } from "./TransportError.ts"
import * as Wakes from "./Wakes.ts"
import * as here from "./internal/here.ts"

/**
 * Both ports. A transport is a layer of them.
 *
 * @category models
 * @since 0.1.0
 */
export type Transport = Journal.Journal | Queue.Queue

/**
 * What `services` gives.
 *
 * @category models
 * @since 0.1.0
 */
export type Services = Transport | Sessions.Sessions | Wakes.Wakes | Flags.Flags

/**
 * Keeps everything in memory: for tests, and for what may be lost with the process.
 *
 * @category layers
 * @since 0.1.0
 */
export const layerMemory: Layer.Layer<Transport> = Layer.merge(Journal.layerMemory, Queue.layerMemory)

/**
 * Sessions, wakes and flags over a transport, which stays visible beside them.
 *
 * @category layers
 * @since 0.1.0
 */
export const services = <E, R>(
  transport: Layer.Layer<Transport, E, R>
): Layer.Layer<Transport | Sessions.Sessions | Wakes.Wakes | Flags.Flags, E | Flags.InvalidFlag | TransportError, R> =>
  servicesWith(transport, Flags.layer)

/**
 * The same with flags of one's own, such as `Flags.layerFixed`.
 *
 * @category layers
 * @since 0.1.0
 */
export const servicesWith = <E, R, E2>(
  transport: Layer.Layer<Transport, E, R>,
  flags: Layer.Layer<Flags.Flags, E2, Journal.Journal>
): Layer.Layer<Services, E | E2, R> => servicesOver(ports(transport), flags)

/**
 * A transport, with what this process keeps to itself in its memory.
 *
 * @category layers
 * @since 0.1.0
 */
export const ports = <E, R>(transport: Layer.Layer<Transport, E, R>): Layer.Layer<Transport, E, R> =>
  Layer.provide(here.layer, transport)

/**
 * Sessions, wakes and flags over what `ports` has made, or over what stands around it and sees all that is written.
 *
 * @category layers
 * @since 0.1.0
 */
export const servicesOver = <E, R, E2>(
  ports: Layer.Layer<Transport, E, R>,
  flags: Layer.Layer<Flags.Flags, E2, Journal.Journal>
): Layer.Layer<Services, E | E2, R> =>
  Wakes.layer.pipe(Layer.provideMerge(Sessions.layer), Layer.provideMerge(flags), Layer.provideMerge(ports))
