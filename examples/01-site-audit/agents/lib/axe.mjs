import axe from "axe-core"

/** Rules that need a layout, which jsdom does not have: left out, and said so. */
export const needLayout = ["color-contrast", "link-in-text-block", "scrollable-region-focusable", "target-size"]

const rules = {
  ...Object.fromEntries(needLayout.map((id) => [id, { enabled: false }])),
  "duplicate-id": { enabled: true }
}

const severities = { critical: "critical", serious: "high", moderate: "medium", minor: "low" }

/** What axe-core finds wrong on a page, one entry a rule, with the places in the source. */
export const findViolations = async (page) => {
  page.window.eval(axe.source)
  const options = { rules, resultTypes: ["violations"], elementRef: true, iframes: false }
  const { violations } = await page.window.axe.run(page.document, options)
  return violations.map(({ id, impact, help, helpUrl, nodes }) => ({
    id,
    help,
    url: helpUrl.split("?")[0],
    severity: severities[impact] ?? "medium",
    places: nodes.map(({ element }) => page.at(element))
  }))
}
