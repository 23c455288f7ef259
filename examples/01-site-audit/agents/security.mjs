// Audits a static site for known-vulnerable packages, inline code, dangerous sinks and unsafe references.
import "./lib/runtime.mjs"
import { vulnerablePackages } from "./lib/advisories.mjs"
import { claimOf, countBySeverity, plural, runAgent, tidyClaims } from "./lib/agent.mjs"
import { handlersOf, readPolicy } from "./lib/policy.mjs"
import { inlineScripts, libraryOf, ownScripts } from "./lib/scripts.mjs"
import { findSinks } from "./lib/sinks.mjs"
import { openSite } from "./lib/site.mjs"
import { sentences, topics } from "./lib/vocabulary.mjs"

const packageClaim = ({ name, versions, fixed, uses, advisories, developmentOnly }) => {
  const known = plural(advisories.length, "known vulnerability")
  const claim = `Upgrade ${name} ${versions.join(" and ")} to ${fixed} or later: ${known}.`
  const places = uses.map((use) => use.at)
  return claimOf(advisories[0].severity, 0.95, topics.library(name), claim, places, [
    ...advisories.map(({ url }) => url),
    ...advisories.map(({ cve, severity, title }) => `${cve}, ${severity}: ${title}`),
    ...(developmentOnly ? ["only a development dependency"] : [])
  ])
}

const placementClaims = (page) => {
  const policy = readPolicy(page)
  const scripts = inlineScripts(page).map((script) => `${page.path}:${script.firstLine}`)
  const handlers = handlersOf(page).map(({ element }) => page.at(element))
  const styles = page.all("style, [style]").map((element) => page.at(element))
  const claimsOn = (thing, severity, topic, found, directive) => {
    const move = `Move the inline ${thing} of ${page.path} to files: only then can a policy forbid all inline ${thing}.`
    const keep = `Keep the ${thing} of ${page.path} in files: its policy forbids inline ${thing}.`
    if (found.length > 0) return claimOf(severity, 0.85, topic, move, found)
    if (!policy?.forbidsInline(directive)) return []
    return claimOf(undefined, 0.9, topic, keep, [policy.at], [`${directive} ${policy.sources(directive).join(" ")}`])
  }
  return [
    ...claimsOn("scripts", "medium", topics.scriptPlacement(page.path), [...scripts, ...handlers], "script-src"),
    ...claimsOn("styles", "low", topics.stylePlacement(page.path), styles, "style-src")
  ]
}

const policyClaims = (pages) => {
  const unsafe = pages.flatMap((page) => {
    const policy = readPolicy(page)
    const holes = policy?.sources("script-src")?.filter((source) => /^'unsafe-(inline|eval)'$/.test(source)) ?? []
    const claim = `Take ${holes.join(" and ")} out of the policy of ${page.path}: it stops no injected script.`
    return holes.length > 0 ? claimOf("high", 0.9, `csp/${page.path}`, claim, [policy.at]) : []
  })
  const bare = pages.filter((page) => !readPolicy(page)).map((page) => page.at(page.document.head))
  const claim = "Nothing but a header from the server, which files cannot show, limits the scripts of these pages."
  const fact = ["they set no policy of their own"]
  const missing = claimOf("medium", 0.5, "csp/site", claim, bare, fact).map((each) => ({
    ...each,
    stance: "uncertain"
  }))
  return [...unsafe, ...missing]
}

const sinkClaim = (script) => (sink) => {
  const from = sink.source ? [sink.source.at, `the text comes from ${sink.source.what}`] : []
  if (/^write(ln)?$/.test(sink.name)) {
    const severity = sink.source ? "high" : "medium"
    const { path } = script
    return claimOf(severity, 0.8, topics.documentWrite(path), sentences.documentWrite(path), [sink.at], from)
  }
  const remedy = sink.runsCode ? "call a function or parse JSON" : "set textContent or build elements"
  const reach = sink.source ? ": text from outside reaches it" : ""
  const severity = sink.source ? (sink.runsCode ? "critical" : "high") : "medium"
  const topic = `dom-sink/${script.path}/${sink.name.match(/\w+/g).join("-")}`
  const claim = `Replace ${sink.name} in ${script.path} (${remedy})${reach}.`
  // Any object can have a value, so that it is a form's is only likely.
  const confidence = !sink.source ? 0.7 : sink.source.what === ".value" ? 0.8 : 0.95
  return claimOf(severity, confidence, topic, claim, [sink.at], from)
}

const thirdPartyClaims = (page) =>
  page.all("script[src]:not([integrity]), link[rel~='stylesheet'][href]:not([integrity])").flatMap((element) => {
    const { url } = page.resolve(element.getAttribute("src") ?? element.getAttribute("href"))
    if (!url) return []
    // A hash can only vouch for a file that never changes.
    const claim = libraryOf(url) ? `Add an integrity hash and crossorigin to ${url}.` : sentences.ownOrigin(url)
    const facts = ["it has no integrity attribute"]
    return claimOf("high", 0.85, topics.thirdPartyScript(url), claim, [page.at(element)], facts)
  })

const referenceClaims = (page) => {
  const { path } = page
  const places = (elements) => elements.map((element) => page.at(element))
  const insecure = (selector, attribute) =>
    page.all(selector).filter((element) => page.resolve(element.getAttribute(attribute)).url?.startsWith("http:"))
  const loaded = [...insecure("img, script, iframe", "src"), ...insecure("link[href]", "href")]
  const opens = page.all("a[target='_blank']").filter((link) => !/\b(noopener|noreferrer)\b/.test(link.rel))
  const clickable = page.all("[onclick]").filter((element) => !/^(A|BUTTON|INPUT|SUMMARY)$/.test(element.tagName))
  const checks = [
    ["high", 0.95, `form-transport/${path}`, `Send the form of ${path} over https.`, insecure("form", "action")],
    ["medium", 0.95, `mixed-content/${path}`, `Load every part of ${path} over https.`, loaded],
    ["low", 0.7, `insecure-link/${path}`, `Link from ${path} to https addresses only.`, insecure("a[href]", "href")],
    ["low", 0.7, topics.newWindow(path), `Add rel="noopener" to the links of ${path} that open a new window.`, opens],
    ["low", 0.7, `frame-sandbox/${path}`, `Sandbox the frames of ${path}.`, page.all("iframe[src]:not([sandbox])")],
    ["medium", 0.8, topics.clickHandler(path), sentences.clickHandler(path), clickable]
  ]
  return checks.flatMap(([severity, confidence, topic, claim, elements]) =>
    claimOf(severity, confidence, topic, claim, places(elements))
  )
}

await runAgent(async ({ task, target, checkpoint, turn, finding }) => {
  const site = await openSite(target, task.inputs?.plan?.files)
  const pages = site.openPages()
  const scripts = ownScripts(site, pages)
  checkpoint("research", "site read", `${plural(pages.length, "page")}, ${plural(scripts.length, "own script")}`)

  const packages = await vulnerablePackages(site, pages)
  turn(`${plural(packages.length, "package")} with known vulnerabilities`)

  const linted = scripts.map((script) => ({ script, ...findSinks(script) }))
  checkpoint("implementation", "scripts linted", plural(linted.flatMap(({ sinks }) => sinks).length, "sink"))

  const claims = tidyClaims([
    ...packages.flatMap(packageClaim),
    ...linted.flatMap(({ script, sinks }) => sinks.flatMap(sinkClaim(script))),
    ...policyClaims(pages),
    ...pages.flatMap(thirdPartyClaims),
    ...pages.flatMap(placementClaims),
    ...pages.flatMap(referenceClaims)
  ])
  claims.filter((claim) => claim.severity === "critical").forEach(({ claim }) => finding(claim))
  checkpoint("testing", "claims ready", countBySeverity(claims))
  pages.forEach((page) => page.close())

  return {
    summary: `Security of ${plural(pages.length, "page")}: ${countBySeverity(claims)}.`,
    claims,
    issues: linted
      .filter(({ unreadable }) => unreadable)
      .map(({ unreadable }) => ({ severity: "low", description: `Not audited: ${unreadable}` })),
    confidence: 0.9
  }
})
