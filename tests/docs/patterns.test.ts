import { spawn } from "node:child_process"
import { mkdtempSync, readFileSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterAll, assert, describe, it } from "vitest"

const root = join(import.meta.dirname, "..", "..")
const examples = join(root, "examples", "05-parallel-patterns")
const text = readFileSync(join(root, "docs", "parallel-patterns.md"), "utf8")

const prints: { readonly [file: string]: string } = {
  "fan-out": "3 of 3 reported\ncontradiction: cache\n",
  map: ["a", "b", "c", "d", "e", "f"].map((name) => `${name}.ts has no tests\n`).join(""),
  chain: "split the parser in two\ndid: split the parser in two\nsaw: did: split the parser in two\n",
  compete: "find-bisect: commit 3f9d\n",
  hedge: "found by search-1-again\n",
  refine: "draft two, shorter\n2 rounds, content\n",
  decompose: "27 letters\n"
}

/** Without spaces: the same code, however it is broken into lines. */
const bare = (code: string) => code.replace(/\s/g, "")

describe.concurrent("docs/parallel-patterns.md", () => {
  const folders: Array<string> = []
  afterAll(() => {
    for (const folder of folders) rmSync(folder, { recursive: true, force: true })
  })

  for (const [file, expected] of Object.entries(prints)) {
    it(`has an example that runs: ${file}`, async () => {
      const folder = mkdtempSync(join(tmpdir(), "sartor-patterns-"))
      folders.push(folder)
      const child = spawn(process.execPath, [join(examples, `${file}.ts`), folder])
      let printed = ""
      child.stdout.setEncoding("utf8").on("data", (chunk: string) => (printed += chunk))
      child.stderr.setEncoding("utf8").on("data", (chunk: string) => (printed += chunk))
      const code = await new Promise((resolve) => child.on("close", resolve))
      assert.deepStrictEqual([printed, code], [expected, 0])
    })
  }

  it("shows code that stands in the examples", () => {
    const blocks = [...text.matchAll(/```ts\n([\s\S]*?)```/g)].map(([, code = ""]) => code)
    const all = bare(
      Object.keys(prints)
        .map((file) => readFileSync(join(examples, `${file}.ts`), "utf8"))
        .join("\n")
    )
    assert.lengthOf(blocks, Object.keys(prints).length)
    for (const block of blocks) assert.include(all, bare(block))
  })
})
