// Looks at a site's folder and says what the auditors are to read, and what they leave out and why.
import "./lib/runtime.mjs"
import { claimOf, plural, runAgent, tidyClaims } from "./lib/agent.mjs"
import { ownScripts } from "./lib/scripts.mjs"
import { isVendored, openSite } from "./lib/site.mjs"

const linkedPages = (pages) => {
  const linked = new Set(["index.html"])
  for (const page of pages) {
    for (const link of page.all("a[href], area[href]")) {
      const { path } = page.resolve(link.getAttribute("href"))
      if (path && path !== page.path) linked.add(path)
    }
  }
  return linked
}

const referencesOf = (page) =>
  page.all("script[src], img[src], iframe[src], link[href]").map((element) => ({
    at: page.at(element),
    ...page.resolve(element.getAttribute("src") ?? element.getAttribute("href"))
  }))

const placesOf = (references) => references.map(({ at }) => at)

const scopeClaims = (site, pages) => {
  const linked = linkedPages(pages)
  const references = pages.flatMap(referencesOf)
  const elsewhere = references.filter(({ url }) => url)
  const missing = references.filter(({ path }) => path && !site.has(path))
  const orphans = pages.map(({ path }) => path).filter((path) => !linked.has(path))
  const vendored = [...site.scripts, ...site.styles].filter(isVendored)
  const scope = (name, sentence, evidence) => claimOf(undefined, 0.9, `scope/${name}`, sentence, evidence)
  return tidyClaims([
    ...scope(
      "pages",
      "Every page is audited.",
      pages.map(({ path }) => path)
    ),
    ...scope("unlinked", "Nothing links to these pages, and they are audited all the same.", orphans),
    ...scope("vendored", "Libraries are audited by version, weight and use, not line by line.", vendored),
    ...scope("third-parties", "What other hosts serve is judged by its reference, never fetched.", placesOf(elsewhere)),
    ...scope("missing", "These references lead to files that do not exist.", placesOf(missing))
  ])
}

await runAgent(async ({ target, checkpoint, turn }) => {
  const site = await openSite(target)
  const pages = site.openPages()
  const scripts = ownScripts(site, pages)
  checkpoint("research", "site listed", plural(site.files.length, "file"))

  const kinds = ["pages", "scripts", "styles", "images", "manifests"]
  const files = kinds.flatMap((kind) => site[kind])
  const claims = scopeClaims(site, pages)
  turn(kinds.map((kind) => `${site[kind].length} ${kind}`).join(", "))
  checkpoint("planning", "scope set", `${files.length} of ${plural(site.files.length, "file")} in scope`)
  pages.forEach((page) => page.close())

  const summary = [
    `Audit ${plural(pages.length, "page")} with ${plural(site.styles.length, "stylesheet")},`,
    `${plural(site.images.length, "image")} and ${plural(scripts.length, "script")} of the site's own.`,
    `Security reads scripts, references and ${plural(site.manifests.length, "package manifest")};`,
    "performance weighs what every page loads; accessibility tests every page."
  ].join(" ")
  return { summary, files, claims, confidence: 0.9 }
})
