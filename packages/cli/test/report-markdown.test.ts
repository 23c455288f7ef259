import { assert, describe, it } from "@effect/vitest"
import * as fc from "fast-check"
import { renderMarkdown } from "../src/report/Markdown.ts"
import { auditRun, troubledRun } from "./fixtures/audit-run.ts"
import { everywhere } from "./fixtures/everywhere.ts"

/** What has a meaning in Markdown or HTML, without what is escaped. */
const markup = (text: string) =>
  text
    .replaceAll("<br>", "")
    .replace(/&(amp|lt|gt);/g, "")
    .replace(/\\[\\`*_{}[\]()#+!|~$^=.-]/g, "")
    .match(/[`*_{}[\]#|~<>]/g)

describe("renderMarkdown", () => {
  it("has every conflict with its sides in a table, and all else under headings", () => {
    const text = renderMarkdown(auditRun)
    const conflicts = Object.values(auditRun.synthesis ?? {}).flatMap(({ conflicts }) => conflicts)
    assert.isNotEmpty(conflicts)
    assert.strictEqual(text.match(/^### /gm)?.length, new Set(conflicts.map(({ id }) => id)).size)
    assert.strictEqual(text.match(/^\| side \| says \| confidence \| evidence \|$/gm)?.length, conflicts.length)
    for (const title of ["Conflicts", "Insights", "Agreements", "Claims", "Agents", "Census"]) {
      assert.include(text, `\n## ${title}\n`)
    }
    assert.match(text, /^# site\\-audit: complete$/m)
  })

  it("says what did not complete", () => {
    assert.match(renderMarkdown(troubledRun), /\| failed \|/)
  })

  it("shows every text as text, never as markup", () => {
    const harmless = markup(renderMarkdown(everywhere("some words")))
    const hostile = fc
      .array(
        fc.constantFrom(
          "<b>",
          "`",
          "```",
          "**",
          "_",
          "|",
          "\n",
          "[x](http://a)",
          "#",
          "![",
          "~~",
          "\\",
          "&lt;",
          "1. ",
          "- ",
          "$"
        ),
        { minLength: 1, maxLength: 8 }
      )
      .map((parts) => `a ${parts.join("")} b`)
    fc.assert(
      fc.property(hostile, (text) => {
        assert.deepStrictEqual(markup(renderMarkdown(everywhere(text))), harmless)
      }),
      { numRuns: 200 }
    )
  })

  it("fences the lines of a file so that none of them can close it", () => {
    const run = everywhere("x")
    const [step = ""] = Object.keys(run.synthesis ?? {})
    const synthesis = run.synthesis?.[step]
    const [conflict] = synthesis?.conflicts ?? []
    assert.exists(synthesis)
    assert.exists(conflict)
    const text = "````\n# not a heading\n```\n"
    const hunks = [
      {
        line: 3,
        sides: [
          { agents: ["a"], text },
          { agents: ["b"], text: "" }
        ]
      }
    ]
    const changed = { ...conflict, merge: { clean: false, hunks, more: 2 } }
    const rendered = renderMarkdown({ ...run, synthesis: { [step]: { ...synthesis, conflicts: [changed] } } })
    assert.include(rendered, "`````\n````\n# not a heading\n```\n`````\n")
    assert.include(rendered, "(removed)")
    assert.include(rendered, "and 2 more places")
  })
})
