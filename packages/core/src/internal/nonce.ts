import { Effect, Random } from "effect"

/** A name that no two claims of a message share. */
export const nonce: Effect.Effect<string> = Effect.map(Random.nextIntBetween(0, 2 ** 48), (number) =>
  number.toString(36)
)
