// Audits every page of a static site with axe-core, and what axe-core cannot see without a browser by hand.
import "./lib/runtime.mjs"
import { claimOf, countBySeverity, plural, runAgent, tidyClaims } from "./lib/agent.mjs"
import { findViolations, needLayout } from "./lib/axe.mjs"
import { textContrasts } from "./lib/contrast.mjs"
import { shownImages } from "./lib/images.mjs"
import { handlersOf } from "./lib/policy.mjs"
import { ownScripts, polyfilled } from "./lib/scripts.mjs"
import { openSite } from "./lib/site.mjs"
import { focusRings, rulesForBuiltNames } from "./lib/states.mjs"
import { applyStyles } from "./lib/styles.mjs"
import { sentences, topics } from "./lib/vocabulary.mjs"

// Longer than a description of a picture: somebody has written out the text that is in it.
const longAlternative = 120

const oppose = (claim) => ({ ...claim, stance: "oppose" })
const unsure = (claim) => ({ ...claim, stance: "uncertain" })

const axeClaims = (page, violations) =>
  violations.flatMap(({ id, help, url, severity, places }) => {
    const claim = `${help}: ${plural(places.length, "element")} of ${page.path}.`
    return claimOf(severity, 0.9, `a11y/${id}/${page.path}`, claim, places, [url])
  })

const contrastClaims = (pages) => {
  const texts = pages.flatMap((page) => textContrasts(page).map((text) => ({ ...text, page })))
  const pale = texts.filter(({ ratio, needed }) => ratio < needed)
  const overPictures = texts.filter(({ colours }) => !colours)
  return [
    ...pale.flatMap(({ colours, ratio, needed, at }) => {
      const topic = `contrast/${colours.replaceAll(" ", "-")}`
      const claim = `Raise the contrast of ${colours} from ${ratio.toFixed(2)} to ${needed}.`
      return claimOf(ratio < 3 ? "high" : "medium", 0.9, topic, claim, [at])
    }),
    ...overPictures.flatMap(({ page, at }) => {
      const claim = `The text of ${page.path} that lies over a picture or gradient may be too pale.`
      return claimOf("low", 0.4, `contrast/${page.path}`, claim, [at]).map(unsure)
    })
  ]
}

const keyboardClaims = (page) => {
  const { path } = page
  const handlers = handlersOf(page)
  const traps = handlers.filter(({ name, value }) => /^on(blur|focusout)$/.test(name) && /\.focus\(/.test(value))
  const dead = handlers.filter(
    ({ name, element }) =>
      name === "onclick" && !/^(A|BUTTON|INPUT|SUMMARY)$/.test(element.tagName) && !element.hasAttribute("tabindex")
  )
  const trap = `Let the focus leave the fields of ${path}: a keyboard user is held in one.`
  const places = (found) => found.map(({ element }) => page.at(element))
  const names = [...new Set(dead.map(({ element }) => element.localName))].sort().join(" and ")
  const facts = [`${names} elements take neither focus nor keys`]
  return [
    ...claimOf("critical", 0.9, `keyboard-trap/${path}`, trap, places(traps), ["its handler takes the focus back"]),
    ...claimOf("high", 0.9, topics.clickHandler(path), sentences.clickHandler(path), places(dead), facts)
  ]
}

const markupClaims = (page) => {
  const { path } = page
  const unlabelled = page
    .all("input[placeholder], textarea[placeholder]")
    .filter((field) => field.labels?.length === 0 && !field.matches("[aria-label], [aria-labelledby], [title]"))
  const surprising = page
    .all("a[target='_blank']")
    .filter((link) => !/new (window|tab)/i.test(`${link.textContent} ${link.ariaLabel ?? ""} ${link.title}`))
  const label = `Label the fields of ${path} that have only a placeholder: it goes when one writes.`
  const open = `Open the links of ${path} in the same window, or say that a new one opens.`
  const places = (elements) => elements.map((element) => page.at(element))
  return [
    ...claimOf("medium", 0.85, `placeholder-label/${path}`, label, places(unlabelled)),
    ...claimOf("low", 0.6, topics.newWindow(path), open, places(surprising))
  ]
}

const imageClaims = ({ path, frames, places }) => {
  const moving = frames > 1 ? places : []
  const written = places.filter(({ element }) => element.alt.length > longAlternative)
  const claim = `Write the text of ${path} into the page in place of the picture.`
  const lengths = written.map(({ element }) => `its alternative has ${element.alt.length} characters`)
  const at = (found) => found.map((place) => place.at)
  const endless = ["nothing pauses it (WCAG 2.2.2)"]
  return [
    ...claimOf("medium", 0.85, topics.movingImage(path), sentences.movingImage(path), at(moving), endless),
    ...claimOf("medium", 0.65, topics.image(path), claim, at(written), lengths)
  ]
}

const stateClaims = (site, scripts) =>
  rulesForBuiltNames(site, scripts)
    .filter(({ rules, needed }) => needed.length > rules.length / 2)
    .flatMap(({ path, needed }) => {
      const places = needed.flatMap((rule) => rule.places)
      const facts = [`scripts put the class names together: ${needed.map(({ name }) => name).join(", ")}`]
      return claimOf("high", 0.9, topics.unusedCss(path), sentences.unusedCss(path), places, facts)
    })
    .map(oppose)

const focusClaims = (site, scripts) =>
  focusRings(site, scripts).flatMap(({ path, at, rings, setters }) => {
    const claim = `Show where the focus is without the help of a script: ${path} hides it.`
    const kept = setters.flatMap(({ script, name, at: place }) => {
      const places = polyfilled(script) ? [place, at, ...rings] : []
      const facts = [`only the class ${name} shows the focus, and only this script sets it`]
      return claimOf("high", 0.85, topics.polyfill(script.path), sentences.polyfill(script.path), places, facts)
    })
    const severity = rings.length > 0 ? "medium" : "high"
    return [...claimOf(severity, 0.85, `focus-style/${path}`, claim, [at, ...rings]), ...kept.map(oppose)]
  })

await runAgent(async ({ task, target, checkpoint, turn, finding }) => {
  const site = await openSite(target, task.inputs?.plan?.files)
  const pages = site.openPages()
  const scripts = ownScripts(site, pages)
  pages.forEach((page) => applyStyles(site, page))
  checkpoint("research", "site read", `${plural(pages.length, "page")}, ${plural(site.styles.length, "stylesheet")}`)

  const fromAxe = []
  for (const page of pages) {
    const violations = await findViolations(page)
    fromAxe.push(...axeClaims(page, violations))
    turn(`${page.path}: ${plural(violations.length, "rule")} of axe-core broken`)
  }
  checkpoint("implementation", "axe-core run on every page", plural(fromAxe.length, "violation"))

  const claims = tidyClaims([
    ...fromAxe,
    ...contrastClaims(pages),
    ...pages.flatMap(keyboardClaims),
    ...pages.flatMap(markupClaims),
    ...shownImages(site, pages).flatMap(imageClaims),
    ...stateClaims(site, scripts),
    ...focusClaims(site, scripts)
  ])
  claims.filter((claim) => claim.severity === "critical").forEach(({ claim }) => finding(claim))
  checkpoint("testing", "claims ready", countBySeverity(claims))
  pages.forEach((page) => page.close())
  return {
    summary: `Accessibility of ${plural(pages.length, "page")}: ${countBySeverity(claims)}.`,
    claims,
    issues: [{ severity: "low", description: `Not checked, for want of a layout: ${needLayout.join(", ")}.` }],
    confidence: 0.9
  }
})
