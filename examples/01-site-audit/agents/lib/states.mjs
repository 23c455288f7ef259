import { builtNames, placesOfString } from "./scripts.mjs"
import { isVendored } from "./site.mjs"
import { rulesOf } from "./styles.mjs"

const classesIn = (selectors) => selectors.flatMap((selector) => selector.match(/(?<=\.)[\w-]+/g) ?? [])

/**
 * The rules of the site's own stylesheets for classes that a script puts together. A search for whole names calls
 * them unused, and they are not.
 */
export const rulesForBuiltNames = (site, scripts) => {
  const built = scripts.flatMap(builtNames)
  return site.styles
    .filter((path) => !isVendored(path))
    .map((path) => {
      const rules = rulesOf(site, path)
      const needed = rules.flatMap(({ selectors, at }) => {
        const found = built.find(({ name }) => classesIn(selectors).includes(name))
        return found ? [{ name: found.name, places: [found.at, at] }] : []
      })
      return { path, rules, needed }
    })
}

const hidesOutline = ({ text }) => /outline(-style|-width)?:\s*(0|none)\b/.test(text) && !/border|box-shadow/.test(text)
const showsOutline = ({ text }) => /outline(-style|-width)?:(?!\s*(0|none)\b)/.test(text)

const settersOf = (scripts, name) =>
  scripts.flatMap((script) => placesOfString(script, name).map((at) => ({ script, name, at })))

/** Where styles take the focus ring away, and the scripts without which nothing brings it back. */
export const focusRings = (site, scripts) => {
  const rules = site.styles
    .flatMap((path) => rulesOf(site, path).map((rule) => ({ ...rule, path })))
    .filter(({ selectors }) => selectors.some((selector) => /:focus(-visible)?$/.test(selector)))
  const rings = rules.filter(showsOutline)
  return rules.filter(hidesOutline).map(({ path, at }) => ({
    path,
    at,
    rings: rings.map((ring) => ring.at),
    setters: rings.flatMap(({ selectors }) => classesIn(selectors).flatMap((name) => settersOf(scripts, name)))
  }))
}
