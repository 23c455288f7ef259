import { readFile } from "node:fs/promises"
import { posix } from "node:path"
import semver from "semver"
import { byText, severityRank } from "./agent.mjs"
import { lineAt } from "./site.mjs"
import { libraryOf } from "./scripts.mjs"

const list = new URL("../data/advisories.json", import.meta.url)

const parse = (source) => {
  try {
    return JSON.parse(source)
  } catch {
    return undefined
  }
}

const fromLock = (path, source) =>
  Object.entries(parse(source)?.packages ?? {})
    .filter(([key, entry]) => key.includes("node_modules/") && semver.valid(entry?.version))
    .map(([key, entry]) => ({
      name: key.slice(key.lastIndexOf("node_modules/") + "node_modules/".length),
      version: entry.version,
      dev: entry.dev === true,
      at: `${path}:${lineAt(source, source.indexOf(`"${key}": {`))}`
    }))

const fromManifest = (path, source) => {
  const manifest = parse(source) ?? {}
  return ["dependencies", "devDependencies"].flatMap((kind) =>
    Object.entries(manifest[kind] ?? {})
      .filter(([, range]) => semver.validRange(range))
      .map(([name, range]) => ({
        name,
        version: semver.minVersion(range).version,
        dev: kind === "devDependencies",
        at: `${path}:${lineAt(source, source.indexOf(`"${name}":`, source.indexOf(`"${kind}"`)))}`
      }))
  )
}

// A lock file says what is installed; a manifest only what was asked for.
const installed = (site) => {
  const isLock = (path) => posix.basename(path) === "package-lock.json"
  const locked = new Set(site.manifests.filter(isLock).map((path) => posix.dirname(path)))
  return site.manifests.flatMap((path) =>
    isLock(path)
      ? fromLock(path, site.text(path))
      : locked.has(posix.dirname(path))
        ? []
        : fromManifest(path, site.text(path))
  )
}

const loadedByPages = (pages) =>
  pages.flatMap((page) =>
    page.all("script[src]").flatMap((element) => {
      const library = libraryOf(element.getAttribute("src"))
      return library ? [{ ...library, dev: false, loaded: true, at: page.at(element) }] : []
    })
  )

const higher = (a, b) => (semver.gt(a, b) ? a : b)

/** The packages of a site that the advisory list knows to be vulnerable, each with all its places and advisories. */
export const vulnerablePackages = async (site, pages) => {
  const advisories = JSON.parse(await readFile(list, "utf8"))
  const packages = new Map()
  for (const use of [...installed(site), ...loadedByPages(pages)]) {
    const matching = advisories.filter(
      (advisory) => advisory.package === use.name && semver.satisfies(use.version, advisory.vulnerable)
    )
    if (matching.length === 0) continue
    const known = packages.get(use.name) ?? { name: use.name, uses: [], advisories: new Set() }
    known.uses.push(use)
    matching.forEach((advisory) => known.advisories.add(advisory))
    packages.set(use.name, known)
  }
  return [...packages.values()]
    .sort((a, b) => byText(a.name, b.name))
    .map(({ name, uses, advisories: found }) => ({
      name,
      uses,
      versions: [...new Set(uses.map((use) => use.version))].sort(semver.compare),
      developmentOnly: uses.every((use) => use.dev),
      fixed: [...found].map((advisory) => advisory.fixed).reduce(higher),
      advisories: [...found].sort((a, b) => severityRank(a.severity) - severityRank(b.severity) || byText(a.id, b.id))
    }))
}
