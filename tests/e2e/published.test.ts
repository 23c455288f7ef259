import { spawnSync } from "node:child_process"
import { mkdirSync, readdirSync, readFileSync, realpathSync, symlinkSync, writeFileSync } from "node:fs"
import { dirname, join } from "node:path"
import { afterAll, assert, describe, it } from "vitest"
import { temporaryFolder } from "../support/sartor.ts"

const root = join(import.meta.dirname, "..", "..")
const bin = (name: string) => join(root, "node_modules", ".bin", name)

const run = (command: string, args: ReadonlyArray<string>, cwd: string) => {
  const { status, stderr, stdout } = spawnSync(command, args, { cwd, encoding: "utf8" })
  assert.strictEqual(status, 0, `${command} ${args.join(" ")}: ${stdout}${stderr}`)
  return stdout
}

describe("the packages as they are published", () => {
  const cleanups: Array<() => void> = []
  afterAll(() => {
    for (const cleanup of cleanups) cleanup()
  })

  it("have all that a program needs, its types too", () => {
    const folder = temporaryFolder(cleanups)
    const modules = join(folder, "node_modules")
    mkdirSync(join(modules, "@sartor"), { recursive: true })
    for (const name of ["core", "transport-file", "transport-nats"]) {
      const source = join(root, "packages", name)
      run(bin("tsc"), ["-p", "tsconfig.json"], source)
      run(bin("pnpm"), ["pack", "--pack-destination", folder], source)
      const tarball = readdirSync(folder).find((file) => file.startsWith(`sartor-${name}-`)) ?? ""
      mkdirSync(join(modules, "@sartor", name))
      run("tar", ["-xzf", join(folder, tarball), "-C", join(modules, "@sartor", name), "--strip-components=1"], folder)
      const { exports } = JSON.parse(readFileSync(join(modules, "@sartor", name, "package.json"), "utf8"))
      assert.strictEqual(exports["."], "./dist/index.js")
    }
    const core = join(root, "packages", "core")
    const { dependencies } = JSON.parse(readFileSync(join(core, "package.json"), "utf8"))
    const links = [
      ["effect", root],
      ["@types/node", root],
      ...Object.keys(dependencies).map((name) => [name, core])
    ] as const
    for (const [name = "", owner = ""] of links) {
      mkdirSync(dirname(join(modules, name)), { recursive: true })
      symlinkSync(realpathSync(join(owner, "node_modules", name)), join(modules, name))
    }

    const [, program = ""] = /```ts\n([\s\S]*?)```/.exec(readFileSync(join(root, "README.md"), "utf8")) ?? []
    writeFileSync(join(folder, "main.ts"), program)
    writeFileSync(join(folder, "package.json"), JSON.stringify({ type: "module" }))
    const compilerOptions = { strict: true, module: "NodeNext", target: "ES2024", outDir: "out", types: ["node"] }
    writeFileSync(join(folder, "tsconfig.json"), JSON.stringify({ compilerOptions, files: ["main.ts"] }))
    run(bin("tsc"), ["-p", "tsconfig.json"], folder)
    assert.include(run(process.execPath, [join("out", "main.js")], folder), "2 of 2 agents reported")
  }, 120_000)
})
