// Copies the repository that is to be mended, once: what is there already is somebody's work.
import { cpSync, existsSync, mkdirSync, renameSync, rmSync } from "node:fs"

const [from, to] = process.argv.slice(2)
if (existsSync(to)) {
  console.log(`${to} is there already and is left as it is`)
} else {
  mkdirSync(`${to}.part`, { recursive: true })
  cpSync(from, `${to}.part`, { recursive: true })
  renameSync(`${to}.part`, to)
  rmSync(`${to}.part`, { recursive: true, force: true })
  console.log(`${from} is copied to ${to}`)
}
