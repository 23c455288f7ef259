import { posix } from "node:path"
import postcss from "postcss"
import { PurgeCSS } from "purgecss"

const parse = (css) => {
  try {
    return postcss.parse(css)
  } catch {
    return postcss.root()
  }
}

/** Every rule of a stylesheet with its line, but for the steps of animations. */
export const rulesOf = (site, path) => {
  const rules = []
  parse(site.text(path)).walkRules((rule) => {
    if (rule.parent.type === "atrule" && rule.parent.name.endsWith("keyframes")) return
    rules.push({ selectors: rule.selectors, text: rule.toString(), at: `${path}:${rule.source.start.line}` })
  })
  return rules
}

/** The local stylesheets that a page links, in order. */
export const sheetsOf = (site, page) =>
  page.all("link[rel~='stylesheet'][href]").flatMap((element) => {
    const { path } = page.resolve(element.getAttribute("href"))
    return path && site.has(path) ? [{ element, path }] : []
  })

/** Puts the linked styles into the page, since a page opened without a network has none. */
export const applyStyles = (site, page) => {
  for (const { element, path } of sheetsOf(site, page)) {
    const style = page.document.createElement("style")
    style.textContent = site.text(path)
    element.after(style)
  }
}

const matches = (page, selector) => {
  try {
    return page.document.querySelector(selector.replaceAll(/::?(?:before|after|hover|focus|active)\b/g, "")) !== null
  } catch {
    return false
  }
}

/** The files that the stylesheets of a page make it load. */
export const picturesInStyles = (site, page) =>
  sheetsOf(site, page).flatMap(({ path }) =>
    rulesOf(site, path)
      .filter(({ selectors }) => selectors.some((selector) => matches(page, selector)))
      .flatMap(({ text }) => [...text.matchAll(/url\(\s*["']?([^"')]+)/g)].map(([, url]) => url))
      .filter((url) => !/^[a-z]+:/i.test(url))
      .map((url) => posix.join(posix.dirname(path), url))
      .filter((file) => site.has(file))
  )

/** What PurgeCSS would leave of each stylesheet if these texts were all that used it. */
export const purge = async (site, paths, content) => {
  const css = paths.map((path) => ({ raw: parse(site.text(path)).toString() }))
  const results = await new PurgeCSS().purge({ content, css, rejected: true })
  return results.map(({ css: kept, rejected }, index) => {
    const unwanted = new Set(rejected.map((selector) => selector.trim()))
    const rules = rulesOf(site, paths[index])
    const unused = rules.filter(({ selectors }) => selectors.every((selector) => unwanted.has(selector)))
    return { path: paths[index], kept: Buffer.byteLength(kept), rules, unused }
  })
}
