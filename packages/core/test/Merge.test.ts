import { assert, describe, it } from "@effect/vitest"
import * as fc from "fast-check"
import { execFileSync, spawnSync } from "node:child_process"
import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { digest } from "../src/Claims.ts"
import * as Merge from "../src/Merge.ts"

const base = "one\ntwo\nthree\nfour\nfive\n"
const version = (agent: string, content: string): Merge.Version => ({ agents: [agent], content })
const merged = (...contents: ReadonlyArray<string>) =>
  Merge.merge(
    contents.map((content, index) => version(String.fromCharCode(97 + index), content)),
    base
  )

describe("Merge", () => {
  it("takes changes of different lines together, from any number of agents", () => {
    const found = merged(
      base.replace("one", "ONE"),
      base.replace("three", "THREE"),
      base.replace("five\n", "FIVE\nsix\n")
    )
    const content = "ONE\ntwo\nTHREE\nfour\nFIVE\nsix\n"
    assert.deepStrictEqual(found, { clean: true, base: digest(base), sha256: digest(content), content, hunks: [] })
  })

  it("keeps lines that two changed differently with both sides and what they began with", () => {
    assert.deepStrictEqual(merged(base.replace("three", "3"), base.replace("three", "III")), {
      clean: false,
      base: digest(base),
      hunks: [
        {
          line: 3,
          base: "three\n",
          sides: [
            { agents: ["a"], text: "3\n" },
            { agents: ["b"], text: "III\n" }
          ]
        }
      ]
    })
  })

  it("merges those that can be, and holds the one that cannot against them together", () => {
    const found = merged(base.replace("one", "1"), base.replace("five", "5"), base.replace("one", "I"))
    assert.deepStrictEqual(
      found?.hunks.map(({ line, sides }) => [line, sides.map(({ agents }) => agents)]),
      [[1, [["a", "b"], ["c"]]]]
    )
  })

  it("shows where versions differ if nobody knows what they began with, and calls nothing clean", () => {
    const versions = [version("a", base), version("b", base.replace("two\n", ""))]
    assert.deepStrictEqual(Merge.merge(versions), {
      clean: false,
      hunks: [
        {
          line: 2,
          sides: [
            { agents: ["a"], text: "two\n" },
            { agents: ["b"], text: "" }
          ]
        }
      ]
    })
  })

  it("stays bounded: 20 hunks, 2,000 characters each, and nothing for what would take minutes to compare", () => {
    const lines = Array.from({ length: 200 }, (_, index) => `line ${index}\n`)
    const each = (mark: string) => lines.map((line, index) => (index % 4 === 0 ? mark.repeat(3_000) + line : line))
    const found = Merge.merge([version("a", each("a").join("")), version("b", each("b").join(""))], lines.join(""))
    assert.strictEqual(found?.hunks.length, 20)
    assert.strictEqual(found?.more, 30)
    assert.isBelow(JSON.stringify(found).length, 20 * 8_000)
    const same = "the same\n".repeat(15_000)
    assert.isUndefined(Merge.merge([version("a", same), version("b", `${same}x`)], same))
    const many = Array.from({ length: 15_000 }, (_, index) => `${index}\n`).join("")
    const before = performance.now()
    assert.isTrue(Merge.merge([version("a", `x\n${many}`), version("b", `${many}y\n`)], many)?.clean)
    assert.isBelow(performance.now() - before, 10_000)
  })

  it("merges as git does: what git merges is the same to the byte, what git leaves as a conflict is left here", () => {
    execFileSync("git", ["--version"])
    const folder = mkdtempSync(join(tmpdir(), "sartor-merge-"))
    // Every line once: where lines repeat, which of them moved is a matter of taste, and git's is another.
    const lines = Array.from({ length: 12 }, (_, index) => `line ${index}\n`)
    const edit = fc.record({
      at: fc.nat({ max: 11 }),
      kind: fc.constantFrom("change" as const, "delete" as const, "insert" as const)
    })
    const apply = (agent: string, edits: ReadonlyArray<typeof edit extends fc.Arbitrary<infer E> ? E : never>) =>
      lines
        .map((line, index) => {
          const own = new Set(edits.filter(({ at }) => at === index).map(({ kind }) => kind))
          const inserted = own.has("insert") ? `${agent} before ${index}\n` : ""
          if (own.has("delete")) return inserted
          return inserted + (own.has("change") ? `${agent} ${line}` : line)
        })
        .join("")
    const edits = fc.uniqueArray(edit, { maxLength: 3, selector: ({ at }) => at })
    try {
      fc.assert(
        fc.property(edits, edits, (ofA, ofB) => {
          const [a, o, b] = [apply("a", ofA), lines.join(""), apply("b", ofB)]
          const paths = [
            ["a", a],
            ["o", o],
            ["b", b]
          ].map(([name = "", content = ""]) => {
            writeFileSync(join(folder, name), content)
            return join(folder, name)
          })
          const git = spawnSync("git", ["merge-file", "-p", "--diff3", ...paths], { encoding: "utf8" })
          const ours = Merge.merge([version("a", a), version("b", b)], o)
          assert.strictEqual(ours?.clean, git.status === 0, JSON.stringify({ a, b }))
          if (git.status === 0) assert.strictEqual(ours?.content, git.stdout)
        }),
        { numRuns: 150 }
      )
    } finally {
      rmSync(folder, { recursive: true })
    }
  }, 60_000)
})
