import { libraryOf, usesOf } from "./scripts.mjs"
import { picturesInStyles, sheetsOf } from "./styles.mjs"

/** The scripts that a page loads, and whether each holds up parsing, or even the first paint. */
export const loadedScripts = (page) =>
  page.all("script[src]").map((element) => {
    const blocking = !element.async && !element.defer && element.type !== "module"
    return {
      ...page.resolve(element.getAttribute("src")),
      at: page.at(element),
      blocksParsing: blocking,
      blocksPaint: blocking && element.closest("head") !== null
    }
  })

/** The page and every local file that it makes a browser download, heaviest first. */
export const downloads = (site, page) => {
  const paths = [
    page.path,
    ...sheetsOf(site, page).map(({ path }) => path),
    ...loadedScripts(page).map(({ path }) => path),
    ...page.all("img[src]").map((element) => page.resolve(element.getAttribute("src")).path),
    ...picturesInStyles(site, page)
  ]
  return [...new Set(paths)]
    .filter((path) => site.has(path))
    .map((path) => ({ path, bytes: site.size(path) }))
    .sort((a, b) => b.bytes - a.bytes)
}

// The names by which scripts use a library; of any other library nothing can be said.
const globals = { jquery: ["$", "jQuery"], lodash: ["_"], marked: ["marked"], moment: ["moment"], underscore: ["_"] }

/** The libraries that pages load and no script of the site names. */
export const unusedLibraries = (site, pages, scripts) =>
  pages
    .flatMap(loadedScripts)
    .map(({ path, url, at }) => ({ ...libraryOf(path ?? url ?? ""), at, bytes: site.size(path) }))
    .filter(({ name }) => globals[name] && usesOf(scripts, globals[name]).length === 0)

const spare = /\/\*[\s\S]*?\*\/|^[ \t]+|^[ \t]*\/\/.*$/gm

/** The bytes of comments and indentation in a file, which a minifier would drop at least. */
export const spareBytes = (text) => (text.match(spare) ?? []).reduce((sum, part) => sum + Buffer.byteLength(part), 0)
