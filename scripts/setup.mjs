// Installs and builds whatever is not there yet; does nothing, and needs no network, when all is. Runs on Node 20.
import { spawnSync } from "node:child_process"
import { createHash } from "node:crypto"
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs"
import { dirname, join, relative } from "node:path"
import { fileURLToPath } from "node:url"

export const root = dirname(dirname(fileURLToPath(import.meta.url)))
export const bin = (name) => join(root, "node_modules", ".bin", name)
/** The environment of everything that runs on the workspace's own Node; a server may lie where only root looks. */
export const env = { ...process.env, PATH: `${join(root, "node_modules", ".bin")}:${process.env.PATH}:/usr/sbin` }

const stamps = join(root, "node_modules", ".sartor")

/** Runs a step unless its inputs are those of the last time that it succeeded. */
const once = (name, inputs, outputs, step) => {
  const stamp = join(stamps, name)
  const hash = createHash("sha256").update(`${process.platform} ${process.arch}`)
  for (const file of inputs) hash.update(relative(root, file)).update(readFileSync(file))
  const digest = hash.digest("hex")
  const known = existsSync(stamp) && readFileSync(stamp, "utf8") === digest
  if (known && outputs.every((output) => existsSync(output))) return
  step()
  mkdirSync(stamps, { recursive: true })
  writeFileSync(stamp, digest)
}

const run = (what, command, args, options = {}) => {
  process.stderr.write(`${what} …\n`)
  const { error, signal, status, stderr, stdout } = spawnSync(command, args, {
    cwd: root,
    env,
    encoding: "utf8",
    maxBuffer: 64 * 1024 * 1024,
    ...options
  })
  if (status === 0) return
  process.stderr.write(`${stdout ?? ""}${stderr ?? ""}`)
  const why = error?.message ?? (signal ? `killed by ${signal}` : `exit code ${status}`)
  process.stderr.write(`${what}: failed (${why}): ${[command, ...args].join(" ")}\n`)
  process.exit(1)
}

const walk = (folder, keep) =>
  readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    const path = join(folder, entry.name)
    if (entry.name === "node_modules" || entry.name === "dist") return []
    return entry.isDirectory() ? walk(path, keep) : keep(path) ? [path] : []
  })

const workspaceFiles = () =>
  [
    ...["package.json", "pnpm-lock.yaml", "pnpm-workspace.yaml"].map((name) => join(root, name)),
    ...["packages", "examples"].flatMap((folder) =>
      readdirSync(join(root, folder)).map((name) => join(root, folder, name, "package.json"))
    ),
    join(root, "tests", "package.json")
  ].filter(existsSync)

export const setup = () => {
  const { devDependencies } = JSON.parse(readFileSync(join(root, "package.json"), "utf8"))
  once("install", workspaceFiles(), [bin("node"), bin("sartor"), bin("vitest")], () =>
    run("Installing the workspace from its lock file", "npx", [
      "--yes",
      `pnpm@${devDependencies.pnpm}`,
      "install",
      "--frozen-lockfile"
    ])
  )
  const sources = ["core", "transport-file", "transport-nats", "cli"].flatMap((name) =>
    walk(join(root, "packages", name, "src"), () => true)
  )
  once(
    "build",
    [...sources, ...walk(join(root, "packages", "cli"), (path) => path.endsWith("rolldown.config.mjs"))].sort(),
    [join(root, "packages", "cli", "dist", "bin.mjs")],
    () => run("Building the sartor command", bin("rolldown"), ["-c"], { cwd: join(root, "packages", "cli") })
  )
}

/** The tests start a nats-server of their own: the one of SARTOR_NATS_SERVER, or Debian's, which is installed if that is possible. */
export const natsServer = () => {
  const binary = process.env.SARTOR_NATS_SERVER ?? "nats-server"
  if (spawnSync(binary, ["--version"], { env }).status === 0) return
  const install = ["install", "--yes", "--no-install-recommends", "nats-server"]
  const isInstalled =
    process.env.SARTOR_NATS_SERVER === undefined && spawnSync("apt-get", install, { env }).status === 0
  if (!isInstalled) {
    process.stderr.write(`There is no ${binary}, and its tests will fail: run "apt-get install nats-server" as root\n`)
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) setup()
