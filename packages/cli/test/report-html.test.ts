import { createHash } from "node:crypto"
import { assert, describe, it } from "@effect/vitest"
import * as fc from "fast-check"
import { claimLimit } from "../src/report/html/Citation.ts"
import { renderHtml } from "../src/report/Html.ts"
import { markup } from "../src/report/Markup.ts"
import * as Model from "../src/report/Model.ts"
import { css, cssHash, palette } from "../src/report/style.ts"
import { auditRun, troubledRun } from "./fixtures/audit-run.ts"
import { everywhere } from "./fixtures/everywhere.ts"

const escaped = (text: string) => markup`${text}`.text
const body = (html: string) => html.slice(html.indexOf("<body"))
const tags = (html: string) => html.match(/<[^>]*>/g) ?? []
const ids = (html: string) => [...html.matchAll(/ id="([^"]*)"/g)].map(([, id]) => id)
const links = (html: string) => [...html.matchAll(/ href="([^"]*)"/g)].map(([, href]) => href ?? "")
const textOf = (html: string) => html.replace(/<[^>]*>/g, " ").replace(/\s+/g, " ")
const conflictsOf = (run: typeof auditRun) => Object.values(run.synthesis ?? {}).flatMap(({ conflicts }) => conflicts)

describe("renderHtml", () => {
  it("holds its own style by hash and forbids everything else", () => {
    const html = renderHtml(auditRun)
    assert.strictEqual(cssHash, `sha256-${createHash("sha256").update(css).digest("base64")}`)
    assert.include(html, `<style>${css}</style>`)
    assert.include(
      html,
      `<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src '${cssHash}'; base-uri 'none'; form-action 'none'">`
    )
  })

  it("loads nothing and runs nothing", () => {
    const html = renderHtml(auditRun)
    assert.notMatch(html, /\ssrc(set)?=/i)
    assert.notMatch(html, /@import|url\(|<script|<iframe|<object|<embed|<base|<form|<link|<img|<use|xlink/i)
    assert.notMatch(html, /\son\w+=/i)
    assert.notMatch(body(html), /\sstyle=/i)
    assert.isTrue(links(html).every((href) => href.startsWith("#") || /^https?:\/\//.test(href)))
  })

  it("shows every text as text, never as markup", () => {
    const attack = `"><script>alert(1)</script><img src=x onerror="alert(1)">' onmouseover='x' \`</style></title><svg onload=alert(1)>{{x}}\${y}`
    const html = renderHtml(everywhere(attack))
    const harmless = renderHtml(everywhere("harmless words in the very same places"))
    assert.notMatch(html, /<script|<img|onerror="|<svg onload|<\/title><svg/i)
    assert.include(html, escaped(attack.slice(0, 60)))
    const names = (html: string) => tags(html).map((tag) => /^<\/?[a-z0-9!]+/i.exec(tag)?.[0])
    assert.deepStrictEqual(names(body(html)), names(body(harmless)))
  })

  it("keeps its structure whatever the texts", () => {
    const shape = (html: string) => tags(html).map((tag) => tag.replace(/"[^"]*"/g, '""'))
    const expected = shape(renderHtml(everywhere("some words")))
    const hostile = fc
      .array(fc.constantFrom("<", ">", '"', "'", "&", "`", "/", "=", " on", "x", "--", "]]>", "\u0000", "</p>"), {
        minLength: 2
      })
      .map((parts) => `a ${parts.join("")} b`)
    fc.assert(
      fc.property(hostile, (text) => {
        assert.deepStrictEqual(shape(renderHtml(everywhere(text))), expected)
      }),
      { numRuns: 300 }
    )
  })

  it("makes a link of web addresses only", () => {
    for (const text of [
      "javascript:alert(1)",
      " javascript:alert(1)",
      "JAVASCRIPT:alert(1)//https://x.org",
      "data:text/html,<script>alert(1)</script>",
      "vbscript:x",
      "file:///etc/passwd",
      "//evil.example/x",
      "https://",
      "https://bad host/x",
      "java\nscript:alert(1)"
    ]) {
      const html = renderHtml(everywhere(text))
      assert.deepStrictEqual(
        links(html).filter((href) => !href.startsWith("#")),
        [],
        text
      )
    }
    const html = renderHtml(everywhere(`https://example.org/a?b=1&c="><x>`))
    assert.include(html, `<a href="https://example.org/a?b=1&amp;c=%22%3E%3Cx%3E" rel="noopener noreferrer">`)
    for (const tag of tags(html).filter((tag) => / href="http/.test(tag))) {
      assert.include(tag, `rel="noopener noreferrer"`)
    }
  })

  it("spells out control characters and the reversal of text", () => {
    const html = renderHtml(everywhere("a\u0000b\u202ec\u001b[31md"))
    assert.isFalse(["\u0000", "\u001b", "\u202e"].some((character) => html.includes(character)))
    assert.include(html, "a\\x00b\\u{202e}cd")
  })

  it("links every cited claim to an element that exists", () => {
    for (const run of [auditRun, troubledRun, everywhere("words"), large()]) {
      const html = renderHtml(run)
      const known = new Set(ids(html))
      const inside = links(html).filter((href) => href.startsWith("#"))
      assert.deepStrictEqual(
        inside.filter((href) => !known.has(href.slice(1))),
        []
      )
    }
    const html = renderHtml(auditRun)
    const linked = new Set(links(html))
    for (const { insights } of Object.values(auditRun.synthesis ?? {})) {
      for (const id of insights.flatMap(({ supports }) => supports.slice(0, 12))) {
        assert.isTrue(linked.has(`#claim-${id}`), id)
      }
    }
  })

  it("shows a claim that an insight cites however far down it comes", () => {
    const run = large()
    const last = Model.make(run).claims.at(-1)
    const report = auditRun.synthesis?.["report"]
    assert.isDefined(last)
    assert.isDefined(report)
    const insights = [{ id: "i", kind: "shared_cause" as const, statement: "s", supports: [last.id] }]
    const html = renderHtml({ ...run, synthesis: { report: { ...report, insights } } })
    assert.include(ids(html), `claim-${last.id}`)
    assert.include(links(html), `#claim-${last.id}`)
  })

  it("uses no id twice", () => {
    for (const run of [auditRun, troubledRun, large()]) {
      const all = ids(renderHtml(run))
      assert.strictEqual(all.length, new Set(all).size)
    }
  })

  it("keeps both sides of every conflict, with stance, confidence and evidence", () => {
    const html = renderHtml(auditRun)
    assert.isAbove(conflictsOf(auditRun).length, 3)
    for (const conflict of conflictsOf(auditRun)) {
      const from = html.indexOf(`id="conflict-${conflict.id}"`)
      const article = html.slice(from, html.indexOf("</article>", from))
      assert.include(article, escaped(conflict.topic))
      assert.strictEqual(article.includes("blocking</span>"), conflict.blocking)
      assert.strictEqual(article.split(`class="side"`).length - 1, conflict.sides.length)
      assert.strictEqual(
        article.split("minority</span>").length - 1,
        conflict.sides.filter(({ agents }) => agents.every((agent) => conflict.minority.agents.includes(agent))).length
      )
      for (const side of conflict.sides) {
        assert.include(article, escaped(side.claim))
        assert.include(article, side.agents.join(" and "))
        assert.include(textOf(article), `confidence ${side.confidence.toFixed(2)}`)
        for (const item of side.evidence) {
          assert.include(article, escaped(item))
        }
      }
    }
  })

  it("shows the figures of the run and of the sequential run", () => {
    const text = textOf(renderHtml(auditRun))
    assert.include(text, "Wall time 8.7 s 17.1 s of agents’ work")
    assert.include(text, "Time saved 49.6 % against a sequential run of 17.4 s")
    assert.include(text, "Agents complete 5 of 5 up to 3 at once")
    assert.include(text, "Claims 68 8 critical, 25 high")
    assert.include(text, "time saved 48.9 %")
    assert.include(text, "really executed, complete; time saved 49.6 %")
    assert.include(text, "3 agents expected = 3 reported + 0 failed + 0 missing + 0 placeholder")
    assert.include(text, "context retention n/a 90.0 % 95.0 % 0 no data")
  })

  it("tells why agents failed, were blocked or skipped", () => {
    const text = textOf(renderHtml(troubledRun))
    assert.include(text, "failed performance timeout: No result after 3 attempts of 1.5 s")
    assert.include(text, "blocked accessibility question: May the audit submit the booking form of the live site?")
    assert.include(text, "skipped fix accessibility is blocked, performance failed")
    assert.include(text, "Time saved 39.3 % against the sum of the agents’ times")
  })

  it("shows a run without agents, with one, without times", () => {
    const empty = renderHtml({ workflow: "empty", run_id: "r", status: "failed", agents: [] })
    assert.include(empty, "The run had no agents.")
    assert.notInclude(empty, "NaN")
    const one = { workflow: "w", run_id: "r", status: "complete", agents: [{ name: "a", status: "complete" }] }
    const html = renderHtml({ ...one, baseline: one })
    assert.include(html, "The one agent completed.")
    assert.notMatch(html, /NaN|Infinity|undefined/)
  })

  it("is bounded for two thousand long claims, and counts what it left out", () => {
    const html = renderHtml(large())
    assert.isBelow(html.length, 4_000_000)
    assert.include(html, "more claims, all in the run document")
    assert.isAtLeast(html.split(`<li class="claim`).length - 1, claimLimit)
  })

  it("has landmarks, one first heading, headings in order, and a way to skip", () => {
    for (const run of [auditRun, troubledRun]) {
      const html = renderHtml(run)
      for (const landmark of ["<header ", "<nav ", "<main ", "<footer "]) {
        assert.strictEqual(
          body(html)
            .split(landmark)
            .filter((part) => !part.startsWith(">")).length >= 2,
          true,
          landmark
        )
      }
      const levels = [...html.matchAll(/<h([1-6])[ >]/g)].map(([, level]) => Number(level))
      assert.strictEqual(levels.filter((level) => level === 1).length, 1)
      assert.strictEqual(levels[0], 1)
      assert.isTrue(levels.every((level, index) => index === 0 || level <= (levels[index - 1] ?? 0) + 1))
      assert.isTrue(body(html).indexOf(`class="skip" href="#main"`) < body(html).indexOf("<header"))
      assert.match(html, /role="img" aria-label="Timeline of \d+ agents/)
      assert.include(html, `<html lang="en">`)
    }
  })

  it("has a contrast of at least 4.5 to 1 for text in both schemes", () => {
    for (const colours of [palette.light, palette.dark]) {
      const texts = [
        colours.ink,
        colours.muted,
        colours.accent,
        colours.good,
        colours.bad,
        colours.waiting,
        colours.critical,
        colours.high,
        colours.medium,
        colours.low,
        colours.unrated
      ]
      for (const background of [colours.paper, colours.card, colours.sunk]) {
        for (const text of texts) {
          assert.isAtLeast(contrast(text, background), 4.5, `${text} on ${background}`)
        }
      }
      for (const background of [colours.thread, colours.accent, colours.muted]) {
        assert.isAtLeast(contrast(colours.card, background), 4.5, `card on ${background}`)
      }
    }
  })
})

const contrast = (left: string, right: string): number => {
  const luminance = (colour: string) => {
    const [red = 0, green = 0, blue = 0] = [1, 3, 5]
      .map((at) => Number.parseInt(colour.slice(at, at + 2), 16) / 255)
      .map((channel) => (channel <= 0.04045 ? channel / 12.92 : ((channel + 0.055) / 1.055) ** 2.4))
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue
  }
  const [dark = 0, light = 0] = [luminance(left), luminance(right)].toSorted((left, right) => left - right)
  return (light + 0.05) / (dark + 0.05)
}

const large = () => ({
  ...auditRun,
  agents: Array.from({ length: 100 }, (_, index) => ({
    name: `agent-${index}`,
    status: index % 9 === 4 ? "failed" : "complete",
    attempts: 1,
    started_at: new Date(1_763_808_663_000 + index * 40).toISOString(),
    finished_at: new Date(1_763_808_670_000 + index * 10).toISOString(),
    result: {
      summary: "long ".repeat(5_000),
      claims: Array.from({ length: 20 }, (_, nth) => ({
        topic: `topic-${nth}`,
        claim: `${index} ${nth} ${"word ".repeat(2_000)}`,
        evidence: Array.from({ length: 40 }, (_, at) => `${"path/".repeat(60)}${at}`)
      }))
    }
  }))
})
