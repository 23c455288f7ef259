import { Effect, Layer } from "effect"
import * as Journal from "../../src/Journal.ts"

/** Counts the journals that are read. */
export const countingReads = (counter: { reads: number }) =>
  Layer.effect(
    Journal.Journal,
    Effect.map(Journal.Journal, (journal) =>
      Journal.Journal.of({
        ...journal,
        read: (key, after) => {
          counter.reads += 1
          return journal.read(key, after)
        }
      })
    )
  ).pipe(Layer.provide(Journal.layerMemory))
