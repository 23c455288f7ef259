import { spawnSync } from "node:child_process"
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { dirname, join, normalize } from "node:path"
import { afterAll, assert, describe, it } from "vitest"

const root = join(import.meta.dirname, "..", "..")
const text = readFileSync(join(root, "README.md"), "utf8")
const programs = [...text.matchAll(/```ts\n([\s\S]*?)```/g)].map(([, program = ""]) => program)
/** Ignored by git, and inside the workspace, so that package names resolve as they do for a user. */
const folder = join(root, "tests", "dist", "readme")

describe("README", () => {
  mkdirSync(folder, { recursive: true })
  const work = mkdtempSync(join(tmpdir(), "sartor-readme-"))
  afterAll(() => {
    rmSync(folder, { recursive: true, force: true })
    rmSync(work, { recursive: true, force: true })
  })

  it("has at least one program", () => {
    assert.isAbove(programs.length, 0)
  })

  programs.forEach((program, index) => {
    it(`program ${index + 1} type-checks and runs as it stands`, () => {
      const file = join(folder, `program-${index}.ts`)
      writeFileSync(file, program)
      const config = join(folder, "tsconfig.json")
      writeFileSync(
        config,
        JSON.stringify({
          extends: "../../../tsconfig.base.json",
          compilerOptions: { types: ["node"] },
          files: [`program-${index}.ts`]
        })
      )
      const checked = spawnSync(join(root, "node_modules", ".bin", "tsc"), ["-p", config], { encoding: "utf8" })
      assert.strictEqual(checked.stdout + checked.stderr, "")
      const ran = spawnSync(process.execPath, [file], { cwd: work, encoding: "utf8", timeout: 20_000 })
      assert.strictEqual(ran.status, 0, ran.stderr)
      assert.include(ran.stdout, "2 of 2 agents reported")
      assert.isTrue(existsSync(join(work, "data", "sartor")))
    })
  })

  const links = [...text.matchAll(/\]\(([^)#]+)\)/g)].map(([, link = ""]) => link)
  it("links to files that exist, here and in the guides", () => {
    const guides = links.filter((link) => link.endsWith(".md"))
    for (const link of links) assert.isTrue(existsSync(join(root, link)), link)
    for (const guide of guides) {
      for (const [, link = ""] of readFileSync(join(root, guide), "utf8").matchAll(/\]\(([^)#:]+)(?:#[^)]*)?\)/g)) {
        assert.isTrue(existsSync(normalize(join(root, dirname(guide), link))), `${guide}: ${link}`)
      }
    }
  })

  it("names tests that exist for every guarantee", () => {
    const named = [...text.matchAll(/`((?:packages|tests)\/[^`]+)`/g)].map(([, path = ""]) => path)
    assert.isAbove(named.length, 5)
    for (const path of named) assert.isTrue(existsSync(join(root, path)), path)
  })
})
