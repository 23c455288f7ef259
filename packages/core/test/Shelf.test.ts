import { assert, describe, it } from "@effect/vitest"
import * as Shelf from "../src/internal/Shelf.ts"

describe("Shelf", () => {
  const make = () => {
    const made: Array<string> = []
    const shelf = Shelf.make(100, (key) => {
      made.push(key)
      return { key }
    })
    return { made, shelf }
  }

  it("keeps what was used last, as long as it has room", () => {
    const { made, shelf } = make()
    for (const key of ["a", "b", "c"]) {
      assert.strictEqual(shelf.get(key).key, key)
      shelf.weigh(key, 40)
    }
    shelf.get("b")
    shelf.get("c")
    assert.deepStrictEqual(made, ["a", "b", "c"])
    shelf.get("a")
    shelf.weigh("a", 40)
    shelf.get("b")
    assert.deepStrictEqual(made, ["a", "b", "c", "a", "b"])
  })

  it("keeps a single value that is too heavy only until the next", () => {
    const { made, shelf } = make()
    shelf.get("heavy")
    shelf.weigh("heavy", 1000)
    shelf.get("heavy")
    shelf.get("light")
    shelf.weigh("light", 1)
    shelf.get("heavy")
    assert.deepStrictEqual(made, ["heavy", "light", "heavy"])
  })

  it("finds most again of more than it has room for, by one who goes through all", () => {
    const { made, shelf } = make()
    const round = () => {
      const before = made.length
      for (let key = 0; key < 20; key++) {
        shelf.pass(String(key))
        shelf.weigh(String(key), 10)
      }
      return made.length - before
    }
    assert.strictEqual(round(), 20)
    assert.isAtMost(round(), 12)
    assert.isAtMost(round(), 12)
  })
})
