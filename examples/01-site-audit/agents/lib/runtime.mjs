// Imported first by every agent: on an older Node its tools would end in a stack trace before they are used.
const [major, minor] = process.versions.node.split(".").map(Number)

if (major < 24 || (major === 24 && minor < 15)) {
  process.stderr.write(`this agent needs Node 24.15 or newer, and runs on ${process.version}\n`)
  process.exit(1)
}
