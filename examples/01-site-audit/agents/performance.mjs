// Audits what a static site makes its readers download, and what holds up the first paint.
import "./lib/runtime.mjs"
import { claimOf, countBySeverity, plural, runAgent, size, tidyClaims } from "./lib/agent.mjs"
import { imageClaims, layoutClaims } from "./lib/image-costs.mjs"
import { shownImages } from "./lib/images.mjs"
import { downloads, loadedScripts, spareBytes, unusedLibraries } from "./lib/loading.mjs"
import { documentWrites, libraryOf, ownScripts, polyfilled } from "./lib/scripts.mjs"
import { openSite } from "./lib/site.mjs"
import { applyStyles, purge, sheetsOf } from "./lib/styles.mjs"
import { sentences, topics } from "./lib/vocabulary.mjs"

const pageBudget = 500 * 1024
const inlineLimit = 512
// What fits into the first round trip of a connection, and so can be inlined without a second one.
const firstFlight = 14 * 1024

const markupOf = (page) => ({ raw: page.source, extension: "html" })

const weightClaims = (site) => (page) => {
  const files = downloads(site, page)
  const total = files.reduce((sum, { bytes }) => sum + bytes, 0)
  if (total <= pageBudget) return []
  const claim = `Bring ${page.path} under ${size(pageBudget)}: its ${files.length} files have ${size(total)}.`
  const heaviest = files.slice(0, 3).map(({ path, bytes }) => `${path} has ${size(bytes)}`)
  const severity = total > 2 * pageBudget ? "high" : "medium"
  return claimOf(severity, 0.95, `page-weight/${page.path}`, claim, [`${page.path}:1`], heaviest)
}

const scriptClaims = (site, unwanted) => (page) =>
  loadedScripts(page)
    .filter(({ blocksPaint }) => blocksPaint)
    .flatMap(({ path, url, at }) => {
      const fact = ["it holds up the first paint"]
      if (url) {
        const wait = ["it holds up the first paint until a second host has answered"]
        return claimOf("medium", 0.75, topics.thirdPartyScript(url), sentences.ownOrigin(url), [at], wait)
      }
      if (!site.has(path) || unwanted.has(libraryOf(path)?.name)) return []
      const inline = `Inline ${path}, ${site.size(path)} bytes, into ${page.path}.`
      return site.size(path) <= inlineLimit
        ? claimOf("low", 0.8, topics.scriptPlacement(page.path), inline, [at], fact)
        : claimOf("medium", 0.85, `script-loading/${page.path}`, `Load ${path} in ${page.path} with defer.`, [at], fact)
    })

const libraryClaims = ({ name, version, at, bytes }) =>
  claimOf(
    "medium",
    0.85,
    topics.library(name),
    `Remove ${name} ${version}: no script of the site uses it.`,
    [at],
    bytes > 0 ? [`it has ${size(bytes)}`] : []
  )

const documentWriteClaims = (pages) => (script) => {
  if (documentWrites(script).length === 0) return []
  const holds = pages.flatMap((page) =>
    loadedScripts(page)
      .filter(({ path, blocksParsing }) => path === script.path && blocksParsing)
      .map(({ at }) => at)
  )
  const facts = ["the parser waits until it has written"]
  return claimOf("medium", 0.85, topics.documentWrite(script.path), sentences.documentWrite(script.path), holds, facts)
}

const polyfillClaims = (script) => {
  const found = polyfilled(script)
  if (!found) return []
  const facts = [`every current browser has ${found.feature}`]
  return claimOf("low", 0.6, topics.polyfill(script.path), sentences.polyfill(script.path), [found.at], facts)
}

const unusedCssClaims = ({ path, rules, unused }) => {
  const topic = topics.unusedCss(path)
  const places = unused.slice(0, 5).map(({ at }) => at)
  const facts = [`PurgeCSS finds no use of ${unused.length} of its ${plural(rules.length, "rule")}`]
  if (unused.length > rules.length / 2) return claimOf("medium", 0.75, topic, sentences.unusedCss(path), places, facts)
  return unused.length < 3 ? [] : claimOf("low", 0.7, topic, `Remove the unused rules of ${path}.`, places, facts)
}

const criticalCssClaims = async (site, page) => {
  const sheets = sheetsOf(site, page)
  const paths = sheets.map(({ path }) => path)
  const left = await purge(site, paths, [markupOf(page)])
  const needed = left.reduce((sum, { kept }) => sum + kept, 0)
  if (sheets.length < 3 || needed > firstFlight) return []
  const claim = `Inline the ${size(needed)} of rules that ${page.path} uses, and load its stylesheets later.`
  const places = sheets.map(({ element }) => page.at(element))
  return claimOf("low", 0.7, topics.stylePlacement(page.path), claim, places, ["each holds up the first paint"])
}

const minificationClaims = (site) => {
  const files = [...site.scripts, ...site.styles].map((path) => ({ path, spare: spareBytes(site.text(path)) }))
  const worth = files.filter(({ path, spare }) => spare > 256 && spare > site.size(path) / 10)
  const places = worth.map(({ path }) => `${path}:1`)
  const total = worth.reduce((sum, { spare }) => sum + spare, 0)
  const claim = "Minify the stylesheets and scripts when they are published."
  return claimOf("low", 0.8, "minification/site", claim, places, [`${size(total)} are comments and indentation`])
}

await runAgent(async ({ task, target, checkpoint, turn, finding }) => {
  const site = await openSite(target, task.inputs?.plan?.files)
  const pages = site.openPages()
  const scripts = ownScripts(site, pages)
  pages.forEach((page) => applyStyles(site, page))
  const images = shownImages(site, pages)
  checkpoint("research", "site read", `${plural(pages.length, "page")}, ${plural(images.length, "image")}`)

  const weights = pages.flatMap(weightClaims(site))
  weights.filter(({ severity }) => severity === "high").forEach(({ claim }) => finding(claim))
  turn(`${plural(weights.length, "page")} over the budget of ${size(pageBudget)}`)

  const own = scripts.map((script) => ({ raw: script.text, extension: "js" }))
  const sheets = await purge(site, site.styles, [...pages.map(markupOf), ...own])
  checkpoint("implementation", "stylesheets purged", plural(sheets.length, "stylesheet"))

  const unwanted = unusedLibraries(site, pages, scripts)
  const claims = tidyClaims([
    ...weights,
    ...pages.flatMap(scriptClaims(site, new Set(unwanted.map(({ name }) => name)))),
    ...unwanted.flatMap(libraryClaims),
    ...scripts.flatMap(documentWriteClaims(pages)),
    ...scripts.flatMap(polyfillClaims),
    ...images.flatMap(imageClaims),
    ...pages.flatMap(layoutClaims(images)),
    ...sheets.flatMap(unusedCssClaims),
    ...(await Promise.all(pages.map((page) => criticalCssClaims(site, page)))).flat(),
    ...minificationClaims(site)
  ])
  checkpoint("testing", "claims ready", countBySeverity(claims))
  pages.forEach((page) => page.close())
  const summary = `Performance of ${plural(pages.length, "page")}: ${countBySeverity(claims)}.`
  return { summary, claims, confidence: 0.85 }
})
