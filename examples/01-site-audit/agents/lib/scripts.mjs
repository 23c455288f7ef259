import { tokenize } from "espree"
import { isVendored } from "./site.mjs"

const typeOf = (element) => (element.getAttribute("type") ?? "").trim().toLowerCase()
const isExecutable = (element) => /^(|module|(text|application)\/(java|ecma)script)$/.test(typeOf(element))

/** The scripts written into a page, each with the line on which its text starts. */
export const inlineScripts = (page) =>
  page
    .all("script:not([src])")
    .filter((element) => isExecutable(element) && element.textContent.trim())
    .map((element) => ({
      path: page.path,
      text: element.textContent,
      firstLine: page.dom.nodeLocation(element)?.startTag?.endLine ?? 1,
      module: typeOf(element) === "module"
    }))

/** Every script that the site's own people wrote: its files, and what stands in its pages. */
export const ownScripts = (site, pages) => [
  ...site.scripts
    .filter((path) => !isVendored(path))
    .map((path) => ({ path, text: site.text(path), firstLine: 1, module: path.endsWith(".mjs") })),
  ...pages.flatMap(inlineScripts)
]

export const tokensOf = (script) => {
  for (const sourceType of ["script", "module"]) {
    try {
      return tokenize(script.text, { ecmaVersion: "latest", sourceType, loc: true })
    } catch {
      continue
    }
  }
  return []
}

const at = (script, token) => `${script.path}:${script.firstLine + token.loc.start.line - 1}`

/** Where one of these global names is used, as path:line. */
export const usesOf = (scripts, names) =>
  scripts.flatMap((script) =>
    tokensOf(script)
      .filter((token) => token.type === "Identifier" && names.includes(token.value))
      .map((token) => at(script, token))
  )

/** Where document.write or writeln is called, as path:line. */
export const documentWrites = (script) => {
  const tokens = tokensOf(script)
  return tokens
    .filter((token, index) => {
      const before = tokens.slice(Math.max(0, index - 2), index).map(({ value }) => value)
      return /^write(ln)?$/.test(token.value) && before.join("") === "document."
    })
    .map((token) => at(script, token))
}

/**
 * Class names that a script puts together from a prefix and a word ("is-" + state), which a search for the whole
 * name cannot find: the prefixes with their places, and every word that the same script holds.
 */
export const builtNames = (script) => {
  const tokens = tokensOf(script)
  const words = tokens
    .filter(({ type }) => type === "String")
    .map(({ value }) => value.slice(1, -1))
    .filter((word) => /^[\w-]+$/.test(word))
  const prefixes = tokens.flatMap((token, index) => {
    const isJoined = token.type === "String" && tokens[index + 1]?.value === "+"
    const found =
      (isJoined && /([\w-]+-)["']$/.exec(token.value)) ||
      (token.type === "Template" && /([\w-]+-)\$\{$/.exec(token.value))
    return found ? [{ prefix: found[1], at: at(script, token) }] : []
  })
  return prefixes.flatMap(({ prefix, at: place }) => words.map((word) => ({ name: prefix + word, at: place })))
}

/** Where a script has this text as a whole string, as path:line. */
export const placesOfString = (script, text) =>
  tokensOf(script)
    .filter(({ type, value }) => type === "String" && value.slice(1, -1) === text)
    .map((token) => at(script, token))

const everywhere = [":focus-visible", "IntersectionObserver", "Promise", "fetch", "Object.assign", "classList"]

/** The feature that a script says, in its first lines, to stand in for, if every current browser has it. */
export const polyfilled = (script) => {
  const lines = script.text.split("\n").slice(0, 5)
  const index = lines.findIndex((line) => /polyfill/i.test(line))
  const feature = everywhere.find((name) => lines[index]?.includes(name))
  return feature && { feature, at: `${script.path}:${script.firstLine + index}` }
}

/** The library and version that a file name or URL gives away: jquery-3.4.1.min.js, npm/moment@2.19.1/… */
export const libraryOf = (reference) => {
  const found =
    /(?:^|\/)([a-z][a-z0-9.-]*?)@(\d+\.\d+\.\d+)(?:\/|$)/i.exec(reference) ??
    /(?:^|\/)([a-z][a-z0-9.]*?)-(\d+\.\d+\.\d+)[^/]*\.(?:js|css)$/i.exec(reference)
  return found ? { name: found[1].toLowerCase(), version: found[2] } : undefined
}
