const resolved = Promise.resolve()

/**
 * Runs work once what runs now has come to its end, and before anything else. Who wakes a fibre does so from here, never within
 * another fibre: one that ends there would upset those that count on its end, such as Effect.forEach.
 */
export const laterInTurn = (work: () => void): void => {
  void resolved.then(work)
}
