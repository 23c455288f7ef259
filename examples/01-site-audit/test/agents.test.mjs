import { execFile } from "node:child_process"
import { cp, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises"
import { tmpdir } from "node:os"
import { dirname, join, relative, resolve } from "node:path"
import { fileURLToPath } from "node:url"
import semver from "semver"
import { afterAll, assert, describe, it } from "vitest"

const example = resolve(dirname(fileURLToPath(import.meta.url)), "..")
const site = join(example, "site")
const auditors = ["accessibility", "performance", "security"]
// Each case starts several programs, and the machine may be busy with others.
const options = { timeout: 60_000 }
const folders = []

const runRaw = (agent, target, stdin) =>
  new Promise((done) => {
    const args = [`agents/${agent}.mjs`, ...(target === undefined ? [] : [target])]
    const child = execFile(process.execPath, args, { cwd: example }, (error, stdout, stderr) =>
      done({ code: error ? error.code : 0, stdout, stderr })
    )
    child.stdin.end(stdin)
  })

const run = async (agent, target, task = {}) => {
  const { code, stdout, stderr } = await runRaw(agent, target, JSON.stringify(task))
  assert.strictEqual(code, 0, stderr)
  const lines = stdout.trim().split("\n").map(JSON.parse)
  return { lines, result: lines.findLast(({ type }) => type === "result") }
}

const runs = new Map()
/** The shipped site is audited once by each agent, however many cases look at the result. */
const audit = (agent) => {
  if (!runs.has(agent)) runs.set(agent, run(agent, "./site"))
  return runs.get(agent)
}

const auditAll = async () =>
  Object.fromEntries(await Promise.all(auditors.map(async (agent) => [agent, (await audit(agent)).result])))

const temporary = async () => {
  const folder = await mkdtemp(join(tmpdir(), "site-audit-"))
  folders.push(folder)
  return folder
}

const siteOf = async (files) => {
  const folder = await temporary()
  for (const [path, content] of Object.entries(files)) {
    await mkdir(dirname(join(folder, path)), { recursive: true })
    await writeFile(join(folder, path), content)
  }
  return folder
}

const copyWith = async (path, edit) => {
  const folder = await temporary()
  await cp(site, folder, { recursive: true })
  const before = await readFile(join(folder, path), "utf8")
  const after = edit(before)
  assert.notStrictEqual(after, before)
  await writeFile(join(folder, path), after)
  return folder
}

const page = (body, head = "<title>A page</title>") =>
  `<!doctype html>\n<html lang="en">\n<head>${head}</head>\n<body><main><h1>A page</h1>\n${body}\n</main></body>\n</html>\n`

const on = (result, topic) => result.claims.filter((claim) => claim.topic === topic)
const topicsOf = (result) => result.claims.map(({ topic }) => topic)

/** How claims of different auditors meet on a topic, worked out here without any code of the agents. */
const meetings = (results) => {
  const byTopic = Map.groupBy(
    Object.entries(results).flatMap(([agent, { claims }]) => claims.map((claim) => ({ agent, ...claim }))),
    ({ topic }) => topic
  )
  const found = { agreement: [], contradiction: [], disagreement: [] }
  for (const [topic, claims] of byTopic) {
    if (new Set(claims.map(({ agent }) => agent)).size < 2) continue
    const oneSentence = new Set(claims.map(({ claim }) => claim)).size === 1
    const oneStance = new Set(claims.map(({ stance }) => stance ?? "support")).size === 1
    found[!oneSentence ? "disagreement" : oneStance ? "agreement" : "contradiction"].push(topic)
  }
  return Object.fromEntries(Object.entries(found).map(([kind, topics]) => [kind, topics.sort()]))
}

const synthesisOf = (results, status = "complete") => {
  const { agreement, contradiction, disagreement } = meetings(results)
  const on = (topic) =>
    Object.entries(results).flatMap(([agent, { claims }]) =>
      claims.filter((claim) => claim.topic === topic).map((claim) => ({ agent, ...claim }))
    )
  const conflict = (type) => (topic, index) => ({
    id: `${type}-${index}`,
    type,
    topic,
    blocking: false,
    sides: on(topic).map(({ agent, ...claim }) => ({ agents: [agent], stance: "support", ...claim })),
    minority: []
  })
  const reported = Object.keys(results).length
  const by_agent = Object.fromEntries(auditors.map((name) => [name, results[name] ? "reported" : "failed"]))
  return {
    status,
    census: { expected: 3, reported, failed: 3 - reported, missing: 0, placeholder: 0, by_agent },
    agreements: agreement.map((topic, index) => ({
      id: `agreement-${index}`,
      topic,
      claim: on(topic)[0].claim,
      agents: on(topic).map(({ agent }) => agent),
      confidence: 0.9,
      claims: []
    })),
    conflicts: [...contradiction.map(conflict("contradiction")), ...disagreement.map(conflict("disagreement"))],
    insights: [],
    confidence: 0.7,
    summary: "three audits"
  }
}

afterAll(() => Promise.all(folders.map((folder) => rm(folder, { recursive: true, force: true }))))

describe("every agent", options, () => {
  it("has at most 150 lines", async () => {
    for (const agent of ["plan", "report", ...auditors]) {
      const lines = (await readFile(join(example, "agents", `${agent}.mjs`), "utf8")).trimEnd().split("\n")
      assert.isAtMost(lines.length, 150, agent)
    }
  })

  it("says in one line why it cannot start, and exits 1", async () => {
    const empty = await temporary()
    const cases = [
      ["no-such-site", "{}", /no such folder/],
      ["package.json", "{}", /not a folder/],
      [empty, "{}", /no HTML page/],
      [undefined, "{}", /which site/],
      ["./site", "not json", /stdin/]
    ]
    const refusals = await Promise.all(
      cases.map(async ([target, stdin, reason], index) => {
        const agent = ["plan", ...auditors][index % 4]
        return { ...(await runRaw(agent, target, stdin)), reason }
      })
    )
    for (const { code, stdout, stderr, reason } of refusals) {
      assert.strictEqual(code, 1)
      assert.strictEqual(stdout, "")
      assert.match(stderr, reason)
      assert.match(stderr, /^[^\n]+\n$/)
    }
  })

  it("reads broken pages, styles and scripts to the end", async () => {
    const folder = await siteOf({
      "index.html": "<html><p>one<p><b>two<i></b><img src=/nowhere.png><a href='http://%'>x</a><script>if (</script>",
      "empty.html": "",
      "broken.css": "a { color: ; } } b {",
      "broken.js": "function (",
      "broken.png": "not a picture",
      "package-lock.json": "{"
    })
    const all = await Promise.all(["plan", ...auditors].map((agent) => run(agent, folder)))
    for (const { result } of all) assert.isNotEmpty(result.summary)
    const { result } = all.at(-1)
    assert.isTrue(result.issues.some(({ description }) => /Not audited: broken\.js:1/.test(description)))
  })

  it("says what it does while it works, and finds something critical before it ends", async () => {
    await auditAll()
    for (const agent of auditors) {
      const { lines } = await audit(agent)
      const types = lines.map(({ type }) => type)
      for (const type of ["checkpoint", "turn", "finding"]) assert.include(types, type, agent)
      assert.strictEqual(types.at(-1), "result")
      const phases = lines.filter(({ type }) => type === "checkpoint").map(({ phase }) => phase)
      for (const phase of phases) {
        assert.include(["research", "planning", "implementation", "testing", "cleanup"], phase)
      }
    }
  })
})

describe("the plan", options, () => {
  it("puts every page, script, style, picture and manifest in scope", async () => {
    const { result } = await audit("plan")
    const files = await readdir(site, { recursive: true, withFileTypes: true })
    const expected = files
      .filter((entry) => entry.isFile())
      .map((entry) => relative(site, join(entry.parentPath, entry.name)))
    assert.deepStrictEqual(result.files.toSorted(), expected.toSorted())
  })

  it("narrows what the auditors read, and changes nothing when it names everything", async () => {
    const { result: plan } = await audit("plan")
    const task = { inputs: { plan }, checkpoints: [{ phase: "research", milestone: "site read", details: "" }] }
    const planned = await Promise.all(auditors.map((agent) => run(agent, "./site", task)))
    for (const [index, agent] of auditors.entries()) {
      assert.deepStrictEqual(planned[index].result, (await audit(agent)).result)
    }
    const { result } = await run("accessibility", "./site", { inputs: { plan: { files: ["about.html"] } } })
    assert.isTrue(result.claims.flatMap(({ evidence }) => evidence).every((each) => !/^(index|booking)/.test(each)))
  })
})

describe("the claims", options, () => {
  it("are in the form that a result has", async () => {
    for (const { claims } of Object.values(await auditAll())) {
      for (const { topic, claim, stance, confidence, evidence, severity } of claims) {
        assert.isNotEmpty(topic)
        assert.isNotEmpty(claim)
        assert.include([undefined, "support", "oppose", "uncertain"], stance)
        assert.isTrue(confidence >= 0 && confidence <= 1)
        assert.isNotEmpty(evidence)
        assert.include([undefined, "critical", "high", "medium", "low"], severity)
      }
    }
  })

  it("cite lines that exist, and nothing of the machine", async () => {
    for (const result of Object.values(await auditAll())) {
      assert.notInclude(JSON.stringify(result), example)
      for (const evidence of result.claims.flatMap((claim) => claim.evidence)) {
        const [, path, line] = /^(\S+):(\d+)$/.exec(evidence) ?? []
        if (!path) continue
        const lines = (await readFile(join(site, path), "utf8")).split("\n")
        assert.isTrue(Number(line) >= 1 && Number(line) <= lines.length, evidence)
      }
    }
  })

  it("are the same on every run, to the byte", async () => {
    const again = await Promise.all(auditors.map((agent) => run(agent, "./site")))
    for (const [index, agent] of auditors.entries()) {
      assert.strictEqual(JSON.stringify(again[index].result), JSON.stringify((await audit(agent)).result))
    }
  })
})

describe("security", options, () => {
  it("names exactly the installed packages that an advisory covers", async () => {
    const advisories = JSON.parse(await readFile(join(example, "agents/data/advisories.json"), "utf8"))
    const { packages } = JSON.parse(await readFile(join(site, "package-lock.json"), "utf8"))
    const expected = Object.entries(packages)
      .map(([key, { version }]) => ({ name: key.split("node_modules/").at(-1), version }))
      .filter(({ name, version }) =>
        advisories.some((each) => each.package === name && semver.satisfies(version, each.vulnerable))
      )
      .map(({ name }) => `library/${name}`)
    const { result } = await audit("security")
    const found = topicsOf(result).filter((topic) => topic.startsWith("library/"))
    assert.deepStrictEqual(found.toSorted(), [...new Set(expected)].sort())
    assert.lengthOf(found, 5)
  })

  it("is content with a package once it is upgraded", async () => {
    const upgraded = await copyWith("package-lock.json", (text) => text.replaceAll("4.17.15", "4.18.1"))
    const { result } = await run("security", upgraded)
    assert.isEmpty(on(result, "library/lodash"))
    assert.lengthOf(on(result, "library/marked"), 1)
  })

  it("tells a sink that outside text reaches from one that it does not", async () => {
    const folder = await siteOf({
      "index.html": page('<p id="a"></p>\n<script src="a.js"></script><script src="b.js"></script>'),
      "a.js": 'const shown = decodeURI(location.hash)\nconst text = "<b>" + shown\ndocument.body.innerHTML = text\n',
      "b.js": "const count = Date.now()\ndocument.body.innerHTML = `<b>${count}</b>`\n",
      "c.js": "document.body.textContent = location.hash\n"
    })
    const { result } = await run("security", folder)
    const [outside] = on(result, "dom-sink/a.js/innerHTML")
    assert.deepInclude(outside, { severity: "high", confidence: 0.95 })
    assert.deepStrictEqual(outside.evidence.slice(0, 2), ["a.js:3", "a.js:1"])
    assert.strictEqual(on(result, "dom-sink/b.js/innerHTML")[0].severity, "medium")
    assert.isFalse(topicsOf(result).some((topic) => topic.startsWith("dom-sink/c.js")))
  })

  it("asks for no hash where one is given, and none where it could not hold", async () => {
    const versioned = "https://cdn.example/npm/thing@1.2.3/thing.js"
    const folder = await siteOf({
      "index.html": page(`<script src="${versioned}"></script>\n<script src="https://x.example/latest.js"></script>`),
      "good.html": page(`<script src="https://y.example/a@1.0.0/a.js" integrity="sha384-x"></script>`)
    })
    const { result } = await run("security", folder)
    assert.match(on(result, "third-party-script/cdn.example/npm/thing@1.2.3/thing.js")[0].claim, /integrity hash/)
    assert.match(on(result, "third-party-script/x.example/latest.js")[0].claim, /own origin/)
    assert.isFalse(topicsOf(result).some((topic) => topic.includes("y.example")))
  })
})

describe("performance", options, () => {
  it("weighs what a page really loads", async () => {
    const files = ["hero.png", "logo.svg", "clock.svg", "spanner.svg", "leaf.svg", "wheel.gif", "shop-front.jpg"]
    const html = await readFile(join(site, "index.html"), "utf8")
    const local = [...html.matchAll(/(?:src|stylesheet" href)="(assets\/[^"]+)"/g)].map(([, path]) => path)
    assert.includeMembers(
      local,
      files.map((name) => `assets/img/${name}`)
    )
    const sizes = await Promise.all(
      ["index.html", ...new Set(local)].map(async (path) => (await readFile(join(site, path))).length)
    )
    const kilobytes = Math.round(sizes.reduce((sum, size) => sum + size, 0) / 1024)
    const { result } = await audit("performance")
    assert.include(on(result, "page-weight/index.html")[0].claim, `its ${sizes.length} files have ${kilobytes} kB`)
  })

  it("keeps a library that a script uses", async () => {
    const used = await copyWith(
      "assets/js/reading-time.js",
      (text) => `${text}jQuery(document).ready(function () {})\n`
    )
    assert.lengthOf(on((await audit("performance")).result, "library/jquery"), 1)
    assert.isEmpty(on((await run("performance", used)).result, "library/jquery"))
  })
})

describe("accessibility", options, () => {
  it("computes contrast to the second decimal, through custom properties", async () => {
    const style =
      "<title>A page</title><style>:root { --pale: #777777 } .a { color: var(--pale) } .b { color: #767676 }</style>"
    const folder = await siteOf({ "index.html": page('<p class="a">pale</p>\n<p class="b">just enough</p>', style) })
    const { result } = await run("accessibility", folder)
    const contrasts = result.claims.filter(({ topic }) => topic.startsWith("contrast/"))
    assert.deepStrictEqual(
      contrasts.map(({ claim }) => claim),
      ["Raise the contrast of #777777 on #ffffff from 4.48 to 4.5."]
    )
    assert.deepStrictEqual(contrasts[0].evidence, ["index.html:5"])
  })

  it("counts the pictures without an alternative, page by page", async () => {
    const { result } = await audit("accessibility")
    for (const path of ["index.html", "about.html", "services.html", "contact.html"]) {
      const html = await readFile(join(site, path), "utf8")
      const bare = [...html.matchAll(/<img\b[^>]*>/g)].filter(([tag]) => !tag.includes("alt=")).length
      const claims = on(result, `a11y/image-alt/${path}`)
      assert.strictEqual(claims[0]?.evidence.filter((each) => /:\d+$/.test(each)).length ?? 0, bare)
    }
  })

  it("drops a claim when its fault is mended", async () => {
    const mended = await copyWith("journal/chain-care.html", (text) => text.replace("<html>", '<html lang="en">'))
    const topic = "a11y/html-has-lang/journal/chain-care.html"
    assert.lengthOf(on((await audit("accessibility")).result, topic), 1)
    assert.isEmpty(on((await run("accessibility", mended)).result, topic))
  })
})

describe("the auditors together", options, () => {
  it("meet where they mean the same thing, and nowhere else", async () => {
    assert.deepStrictEqual(meetings(await auditAll()), {
      agreement: [
        "click-handler/services.html",
        "document-write/assets/js/hours.js",
        "moving-image/assets/img/wheel.gif",
        "third-party-script/reviews.example/embed/widget.js"
      ],
      contradiction: ["polyfill/assets/js/focus-ring.js", "unused-css/assets/css/states.css"],
      disagreement: [
        "image/assets/img/price-board.png",
        "library/jquery",
        "new-window/about.html",
        "script-placement/about.html",
        "script-placement/booking.html",
        "script-placement/index.html",
        "style-placement/index.html",
        "style-placement/services.html",
        "third-party-script/cdn.modules.example/npm/moment@2.19.1/min/moment.min.js"
      ]
    })
  })

  it("stop contradicting each other when no script builds the class names", async () => {
    const plain = await copyWith("assets/js/booking.js", (text) => text.replace("`is-${state}`", "state"))
    const topic = "unused-css/assets/css/states.css"
    assert.strictEqual(on((await audit("accessibility")).result, topic)[0].stance, "oppose")
    assert.isEmpty(on((await run("accessibility", plain)).result, topic))
    assert.lengthOf(on((await run("performance", plain)).result, topic), 1)
  })
})

describe("the report", options, () => {
  it("puts the critical faults first and leaves every conflict to a human", async () => {
    const inputs = await auditAll()
    const synthesis = synthesisOf(inputs)
    const { result } = await run("report", undefined, { inputs, synthesis })
    const critical = Object.values(inputs).flatMap(({ claims }) =>
      claims.filter(({ severity }) => severity === "critical")
    )
    assert.match(
      result.summary,
      new RegExp(`^Not ready: ${critical.length} critical faults\\. 3 of 3 audits reported\\.`)
    )
    assert.sameMembers(
      result.issues.map(({ description }) => description),
      critical.map(({ claim }) => claim)
    )
    for (const { id, topic, sides } of synthesis.conflicts) {
      const [decision] = on(result, `decision/${topic}`)
      assert.isTrue(decision.evidence[0].endsWith(id))
      for (const { claim } of sides) assert.isTrue(decision.evidence.some((each) => each.includes(claim)))
    }
  })

  it("says whose audit is missing", async () => {
    const { security, performance } = await auditAll()
    const inputs = { security, performance }
    const { result } = await run("report", undefined, { inputs, synthesis: synthesisOf(inputs, "degraded") })
    assert.match(result.summary, /degraded: 2 of 3 audits reported, accessibility did not/)
  })

  it("refuses to judge without a synthesis", async () => {
    const { code, stderr } = await runRaw("report", undefined, "{}")
    assert.strictEqual(code, 1)
    assert.strictEqual(stderr, "there is no synthesis on stdin to report on\n")
  })
})
