import { assert, describe, it } from "@effect/vitest"
import { Effect, Exit } from "effect"
import { Driver, JournalSuite, PersistedQueueSuite, QueueSuite } from "../src/testing/index.ts"
import { journalMutants } from "./support/journalMutants.ts"
import { driverOf, journalLayer, type Memory, type Mutant, queueLayer } from "./support/mutants.ts"
import { persistedQueueMutants, storeLayer } from "./support/persistedQueueMutants.ts"
import { queueMutants } from "./support/queueMutants.ts"

/** Hands each broken port to the case that was made for it, which has to fail; the whole port must pass them all. */
const hunt = <Service>(
  suite: string,
  whole: Mutant<Service>["layer"],
  casesOf: (driver: Driver.Driver<Service, Memory>) => ReadonlyArray<Driver.Case<Service | Memory>>,
  mutants: ReadonlyArray<Mutant<Service>>
) => {
  const healthy = driverOf("whole", whole)
  const cases = casesOf(healthy)

  describe(`${suite}: what is whole passes`, () => {
    for (const each of cases) it.live(each.name, () => Driver.runCase(healthy, each))
  })

  describe(`${suite}: mutants`, () => {
    it("has a mutant for each case, and a case for each mutant", () => {
      assert.sameMembers(
        [...new Set(mutants.map(({ caughtBy }) => caughtBy))],
        cases.map(({ name }) => name)
      )
      assert.strictEqual(new Set(mutants.map(({ name }) => name)).size, mutants.length)
    })
  })

  describe(`${suite}: is caught that`, () => {
    for (const { caughtBy, layer, name } of mutants) {
      it.live(`it ${name}`, () =>
        Effect.gen(function* () {
          const driver = driverOf(name, layer)
          const made = casesOf(driver).find((each) => each.name === caughtBy)
          assert.isDefined(made, caughtBy)
          if (made === undefined) return
          const exit = yield* Driver.runCase(driver, made).pipe(
            Effect.provideService(Driver.Patience, "500 millis"),
            Effect.exit
          )
          assert.isTrue(Exit.isFailure(exit), `"${caughtBy}" passes`)
        })
      )
    }
  })
}

hunt("Journal", journalLayer(), JournalSuite.cases, journalMutants)
hunt("Queue", queueLayer(), QueueSuite.cases, queueMutants)
hunt("PersistedQueue", storeLayer(), PersistedQueueSuite.cases, persistedQueueMutants)
