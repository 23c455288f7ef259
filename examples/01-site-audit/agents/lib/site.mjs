import { readFileSync, statSync } from "node:fs"
import { readdir, stat } from "node:fs/promises"
import { extname, join, posix } from "node:path"
import { JSDOM, VirtualConsole } from "jsdom"
import { byText, InputError } from "./agent.mjs"

const kinds = {
  pages: [".html", ".htm"],
  scripts: [".js", ".mjs"],
  styles: [".css"],
  images: [".png", ".jpg", ".jpeg", ".gif", ".svg", ".bmp", ".webp", ".avif", ".ico"],
  manifests: ["package.json", "package-lock.json"]
}

// A host that cannot exist: what a page links to here is a file of the site.
const origin = "https://site.invalid"

const listFiles = async (root, folder = "") => {
  const entries = await readdir(join(root, folder), { withFileTypes: true })
  const nested = entries.map((entry) => {
    const path = posix.join(folder, entry.name)
    if (entry.name.startsWith(".") || entry.name === "node_modules") return []
    return entry.isDirectory() ? listFiles(root, path) : entry.isFile() ? [path] : []
  })
  return (await Promise.all(nested)).flat().sort(byText)
}

const ofKind = (files, kind) =>
  files.filter((path) => [extname(path).toLowerCase(), posix.basename(path)].some((name) => kinds[kind].includes(name)))

export const lineAt = (source, offset) => source.slice(0, offset).split("\n").length

/** Libraries that others wrote, shipped as they came: audited by version and weight, not line by line. */
export const isVendored = (path) => /(^|\/)(vendor|third-party)\//.test(path) || /\.min\.(js|css)$/.test(path)

class Page {
  constructor(path, source) {
    this.path = path
    this.source = source
    this.dom = new JSDOM(source, {
      url: `${origin}/${path}`,
      includeNodeLocations: true,
      pretendToBeVisual: true,
      // The page's own scripts never run here; only what an auditor evaluates does.
      runScripts: "outside-only",
      virtualConsole: new VirtualConsole()
    })
    this.window = this.dom.window
    this.document = this.window.document
  }

  all(selector) {
    return [...this.document.querySelectorAll(selector)]
  }

  at(element) {
    const location = element && this.dom.nodeLocation(element)
    return `${this.path}:${location?.startLine ?? location?.startTag?.startLine ?? 1}`
  }

  /** What a reference leads to: a path in the site, a URL elsewhere, or neither (data:, mailto:, nonsense). */
  resolve(reference) {
    const url = reference?.trim() && URL.parse(reference.trim(), this.document.baseURI)
    if (!url || !/^https?:$/.test(url.protocol)) return {}
    if (url.origin !== origin) return { url: url.href }
    return { path: decodePath(url.pathname.slice(1)).replace(/(^|\/)$/, "$1index.html") }
  }

  close() {
    this.window.close()
  }
}

const decodePath = (path) => {
  try {
    return decodeURIComponent(path)
  } catch {
    return path
  }
}

/** Opens the folder of a static site, or the part of it that a plan names. */
export const openSite = async (target, planned) => {
  if (!target) throw new InputError("which site? Give its folder as the argument")
  const found = await stat(target).catch(() => undefined)
  if (!found) throw new InputError(`no such folder: ${target}`)
  if (!found.isDirectory()) throw new InputError(`not a folder: ${target}`)
  const everything = await listFiles(target)
  if (ofKind(everything, "pages").length === 0) throw new InputError(`no HTML page in ${target}`)
  const inPlan = new Set((planned ?? []).map((file) => file?.path ?? file))
  const files = inPlan.size > 0 ? everything.filter((path) => inPlan.has(path)) : everything
  if (ofKind(files, "pages").length === 0) throw new InputError(`the plan names no HTML page of ${target}`)
  const cache = new Map()
  const bytes = (path) => {
    if (!cache.has(path)) cache.set(path, readFileSync(join(target, path)))
    return cache.get(path)
  }
  const text = (path) => bytes(path).toString("utf8")
  const known = new Set(files)
  return {
    files,
    bytes,
    text,
    has: (path) => known.has(path),
    size: (path) => (known.has(path) ? statSync(join(target, path)).size : 0),
    ...Object.fromEntries(Object.keys(kinds).map((kind) => [kind, ofKind(files, kind)])),
    openPages: () => ofKind(files, "pages").map((path) => new Page(path, text(path)))
  }
}
