// Runs the tests of the NATS transport on three releases of nats-server, which Debian packages. They are fetched through the system's own
// package source and unpacked beside the workspace; nothing is installed.
import { spawnSync } from "node:child_process"
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { env, root } from "./setup.mjs"

const releases = [
  { version: "2.9.10", suite: "bookworm" },
  { version: "2.10.27", suite: "trixie" },
  { version: "2.15.1", suite: "forky" }
]

const cache = join(root, "node_modules", ".cache", "nats-server")

const run = (command, args, options = {}) => {
  const { error, status, stderr } = spawnSync(command, args, { encoding: "utf8", ...options })
  if (status === 0) return
  process.stderr.write(`${[command, ...args].join(" ")} failed: ${error?.message ?? stderr}\n`)
  process.exit(1)
}

/** Where this system gets Debian's packages from. */
const archive = () => {
  const folder = "/etc/apt"
  const files = [join(folder, "sources.list")]
  const parts = join(folder, "sources.list.d")
  if (existsSync(parts)) files.push(...readdirSync(parts).map((name) => join(parts, name)))
  const text = files
    .filter(existsSync)
    .map((file) => readFileSync(file, "utf8"))
    .join("\n")
  const source = /^(?:URIs:|deb(?: \[[^\]]*\])?)\s+(https?:\/\/\S+\/debian)\/?(?=\s|$)/m
  return source.exec(text)?.[1] ?? "http://deb.debian.org/debian"
}

const fetched = ({ suite, version }) => {
  const place = join(cache, version)
  const binary = join(place, "usr", "sbin", "nats-server")
  if (existsSync(binary)) return binary
  const apt = join(cache, `apt-${suite}`)
  for (const name of ["lists/partial", "cache/archives/partial", "parts"])
    mkdirSync(join(apt, name), { recursive: true })
  mkdirSync(place, { recursive: true })
  const list = join(apt, "sources.list")
  const key = "/usr/share/keyrings/debian-archive-keyring.gpg"
  writeFileSync(join(apt, "status"), "")
  writeFileSync(list, `deb [signed-by=${key}] ${archive()} ${suite} main\n`)
  const options = {
    "Dir::Etc::SourceList": list,
    "Dir::Etc::SourceParts": join(apt, "parts"),
    "Dir::State::Lists": join(apt, "lists"),
    "Dir::State::Status": join(apt, "status"),
    "Dir::Cache": join(apt, "cache"),
    "APT::Sandbox::User": "root"
  }
  const own = Object.entries(options).flatMap(([name, value]) => ["-o", `${name}=${value}`])
  process.stdout.write(`Fetching nats-server of Debian ${suite} …\n`)
  run("apt-get", [...own, "-qq", "update"])
  run("apt-get", [...own, "-qq", "download", "nats-server"], { cwd: apt })
  const deb = readdirSync(apt).find((name) => name.endsWith(".deb")) ?? ""
  run("dpkg-deb", ["-x", join(apt, deb), place])
  rmSync(apt, { recursive: true, force: true })
  return binary
}

let failed = false
for (const release of releases) {
  const binary = fetched(release)
  const { stdout } = spawnSync(binary, ["--version"], { encoding: "utf8" })
  if (!stdout.includes(`v${release.version}`)) {
    process.stdout.write(`Debian ${release.suite} has ${stdout.trim()} by now, not v${release.version}\n`)
  }
  process.stdout.write(`\n${stdout.trim()}\n`)
  const tests = ["packages/transport-nats", "tests/e2e/nats", "tests/e2e/far-workers"]
  const { status } = spawnSync(
    process.execPath,
    [join(root, "scripts", "test.mjs"), ...process.argv.slice(2), ...tests],
    {
      cwd: root,
      env: { ...env, SARTOR_NATS_SERVER: binary },
      stdio: "inherit"
    }
  )
  if (status !== 0) failed = true
}
process.exitCode = failed ? 1 : 0
