import { assert, describe, it } from "vitest"
import { globSync, readFileSync } from "node:fs"
import { basename, join } from "node:path"

const root = join(import.meta.dirname, "..", "..")
const files = globSync("{packages/*/test,tests}/**/*.{test,faults}.ts", { cwd: root }).map((file) => ({
  file,
  text: readFileSync(join(root, file), "utf8")
}))

/** The rows of the table: an id, and the files that its tests are in. */
const rows = readFileSync(join(root, "docs/faults.md"), "utf8")
  .split("\n")
  .map((line) => line.split("|").map((cell) => cell.trim()))
  .filter(([, id = ""]) => /^[FLSN]\d\d$/.test(id))
  .map(([, id = "", , , tests = ""]) => ({
    id,
    places: [...tests.matchAll(/`([^`]+)`/g)].map(([, place = ""]) => place)
  }))

const ids = (letter: string, count: number) =>
  Array.from({ length: count }, (_, index) => `${letter}${String(index + 1).padStart(2, "0")}`)

describe("docs/faults.md", () => {
  it("has every fault", () => {
    assert.deepStrictEqual(
      rows.map(({ id }) => id),
      [...ids("F", 19), ...ids("S", 12), ...ids("L", 7), ...ids("N", 24)]
    )
  })

  for (const { id, places } of rows) {
    it(`names where ${id} is provoked, and there it is`, () => {
      assert.isNotEmpty(places)
      const named = new RegExp(`["'\`](?:[FLSN]\\d\\d, )*${id}[:, ]`)
      for (const place of places) {
        const there = files.filter(({ file }) => basename(file) === place || file.startsWith(`${place}/`))
        assert.isTrue(
          there.some(({ text }) => named.test(text)),
          `no test in ${place} is called ${id}`
        )
      }
    })
  }
})
