/**
 * Builds the bundle that the tests run, where it is missing or older than its sources. Test files run at the same time: one
 * builds, the others wait, and what is there is replaced in one step.
 */
import * as fs from "node:fs"
import * as path from "node:path"
import { type OutputOptions, rolldown, type RolldownOptions } from "rolldown"

const here = path.resolve(import.meta.dirname, "../..")
const packages = path.resolve(here, "..")
const dist = path.join(here, "dist")
const lock = path.join(here, "dist.lock")
const sources = ["cli/src", "core/src", "transport-file/src", "cli/package.json", "cli/rolldown.config.mjs"]

export const bin = path.join(here, "bin/sartor.mjs")

/** The Node of the workspace, which is newer than the one that a machine may have. */
export const node = (() => {
  const own = path.resolve(packages, "../node_modules/.bin/node")
  return fs.existsSync(own) ? fs.realpathSync(own) : process.execPath
})()

const newest = (place: string): number => {
  const { isDirectory, mtimeMs } = stat(place)
  if (!isDirectory) return mtimeMs
  return fs.readdirSync(place).reduce((most, name) => Math.max(most, newest(path.join(place, name))), 0)
}

const stat = (place: string) => {
  const found = fs.statSync(place)
  return { isDirectory: found.isDirectory(), mtimeMs: found.mtimeMs }
}

const isFresh = () => {
  const built = path.join(dist, "bin.mjs")
  if (!fs.existsSync(built)) return false
  return sources.every((place) => newest(path.join(packages, place)) < stat(built).mtimeMs)
}

const take = () => {
  try {
    fs.mkdirSync(lock)
    return true
  } catch {
    return false
  }
}

export const build = async (): Promise<void> => {
  const patience = Date.now() + 50_000
  while (!isFresh()) {
    if (!take()) {
      const abandoned = fs.existsSync(lock) && Date.now() - stat(lock).mtimeMs > 45_000
      if (abandoned || Date.now() > patience) fs.rmSync(lock, { recursive: true, force: true })
      await new Promise((resolve) => setTimeout(resolve, 100))
      continue
    }
    try {
      const config: { readonly default: RolldownOptions & { readonly output: OutputOptions } } = await import(
        path.join(here, "rolldown.config.mjs")
      )
      const { output, ...input } = config.default
      const bundle = await rolldown({ ...input, cwd: here })
      const { output: files } = await bundle.generate({ ...output, cleanDir: false })
      fs.mkdirSync(dist, { recursive: true })
      for (const file of files) {
        const temporary = path.join(dist, `.${file.fileName}.${process.pid}`)
        fs.writeFileSync(temporary, file.type === "chunk" ? file.code : file.source)
        fs.renameSync(temporary, path.join(dist, file.fileName))
      }
      await bundle.close()
    } finally {
      fs.rmSync(lock, { recursive: true, force: true })
    }
  }
}
