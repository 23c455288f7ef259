/**
 * Keeps works within what they may use: what would exceed a budget is not begun.
 *
 * @since 0.1.0
 */
import { Effect, Schema, type Scope, Semaphore } from "effect"
import { addUsage, type Budget, type Usage } from "./Agent.ts"

/**
 * What comes next could exceed a budget. It was not begun.
 *
 * @category errors
 * @since 0.1.0
 */
export class BudgetReached extends Schema.TaggedError<BudgetReached>("@sartor/core/Budget/BudgetReached")(
  "BudgetReached",
  {
    /** Whose budget it is. */
    of: Schema.String,
    limit: Schema.Literals(["tokens", "cost_usd", "turns"]),
    allowed: Schema.Finite,
    used: Schema.Finite,
    /** What the next step could use, with what is under way beside it. */
    next: Schema.Finite
  }
) {
  override get message() {
    const unit = this.limit === "cost_usd" ? "dollars" : this.limit
    const of = (n: number) => (this.limit === "cost_usd" ? n.toFixed(4) : String(n))
    return (
      `The budget of ${this.of} is ${of(this.allowed)} ${unit}: ${of(this.used)} are used, and the next call could use ` +
      `${of(this.next)} more. Give it a larger budget and resume it`
    )
  }
}

/**
 * A budget with what was used of it so far.
 *
 * @category models
 * @since 0.1.0
 */
export interface Purse {
  readonly of: string
  readonly budget: Budget
  readonly used: Usage | undefined
}

/**
 * Whether something fits into a budget beside what is reserved already.
 *
 * @category constructors
 * @since 0.1.0
 */
export const check = ({ budget, of, used }: Purse, next: Usage): BudgetReached | undefined => {
  const limits = [
    ["tokens", budget.tokens, (usage: Usage) => usage.input_tokens + usage.output_tokens],
    ["cost_usd", budget.cost_usd, (usage: Usage) => usage.cost_usd],
    ["turns", budget.turns, (usage: Usage) => usage.calls ?? 0]
  ] as const
  for (const [limit, allowed, amount] of limits) {
    const before = used === undefined ? 0 : amount(used)
    if (allowed !== undefined && before + amount(next) > allowed) {
      return new BudgetReached({ of, limit, allowed, used: before, next: amount(next) })
    }
  }
  return undefined
}

/**
 * Sets aside what calls under way could use, for all who share a budget in this process.
 *
 * @category models
 * @since 0.1.0
 */
export interface Reservations {
  /**
   * Reserves the most that a call can use in every purse, or fails. What the purses have used is read while nobody else
   * reserves; what is reserved is given back with the scope, which ends once the true usage is written down.
   */
  readonly reserve: <E, R>(
    purses: Effect.Effect<ReadonlyArray<Purse>, E, R>,
    most: Usage
  ) => Effect.Effect<void, BudgetReached | E, R | Scope.Scope>
}

/**
 * @category constructors
 * @since 0.1.0
 */
export const makeReservations: Effect.Effect<Reservations> = Effect.gen(function* () {
  const lock = yield* Semaphore.make(1)
  const reserved = new Map<string, Set<Usage>>()
  const heldOf = (name: string) => {
    const held = reserved.get(name) ?? new Set()
    reserved.set(name, held)
    return held
  }
  return {
    reserve: Effect.fnUntraced(function* <E, R>(purses: Effect.Effect<ReadonlyArray<Purse>, E, R>, most: Usage) {
      const taken = yield* lock.withPermit(
        Effect.gen(function* () {
          const found = yield* purses
          for (const purse of found) {
            const together = [...heldOf(purse.of)].reduce<Usage>(addUsage, most)
            const reached = check(purse, together)
            if (reached !== undefined) return yield* reached
          }
          for (const { of } of found) heldOf(of).add(most)
          return found.map(({ of }) => of)
        })
      )
      yield* Effect.addFinalizer(() =>
        Effect.sync(() => {
          for (const name of taken) {
            const held = heldOf(name)
            held.delete(most)
            if (held.size === 0) reserved.delete(name)
          }
        })
      )
    })
  }
})
