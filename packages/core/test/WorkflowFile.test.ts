import { assert, describe, it } from "@effect/vitest"
import { Effect, Schema } from "effect"
import * as fc from "fast-check"
import { readFileSync } from "node:fs"
import { stringify } from "yaml"
import * as Role from "../src/Role.ts"
import * as WorkflowFile from "../src/WorkflowFile.ts"

const file = "workflow.yaml"

const parse = (text: string, options: Partial<WorkflowFile.Options> = {}) =>
  WorkflowFile.parse(text, { file, ...options })

/** What a person reads about a file that is wrong, line by line. */
const complaints = (text: string, options?: Partial<WorkflowFile.Options>) =>
  parse(text, options).pipe(
    Effect.flip,
    Effect.map((error) => error.message.split("\n"))
  )

const refuses = (text: string, expected: ReadonlyArray<string>, options?: Partial<WorkflowFile.Options>) =>
  Effect.map(complaints(text, options), (lines) =>
    assert.deepStrictEqual(
      lines,
      expected.map((line) => `${file}:${line}`)
    )
  )

/** A good file of one agent; what is given goes under it from line 6 on. */
const withAgent = (...lines: ReadonlyArray<string>) =>
  [
    "name: audit",
    "agents:",
    "  - name: plan",
    "    role: PLANNER",
    "    task_type: plan",
    ...lines.map((line) => `    ${line}`),
    ...(lines.some((line) => /^(command|synthesize|prompt|runner)\b/.test(line))
      ? []
      : ["    command: [node, plan.mjs]"])
  ].join("\n")

/** A good file of agents with these needs, one a line, from line 3 on. */
const withNeeds = (needs: { readonly [name: string]: ReadonlyArray<string> }) =>
  [
    "name: audit",
    "agents:",
    ...Object.entries(needs).map(
      ([name, list]) =>
        `  - { name: ${name}, role: AUDITOR, task_type: t, command: [run], needs: [${list.join(", ")}] }`
    )
  ].join("\n")

const example = `name: site-audit
runner: command              # default: command | claude | (function in code)
max_parallel: 3
budget: { tokens: 400000 }
vars: { target: ./site }
agents:
  - { name: plan, role: PLANNER, task_type: arch-design, prompt: "Plan an audit of \${target}", command: [node, agents/plan.mjs] }
  - { name: security, role: AUDITOR, task_type: security, needs: [plan], prompt: "…", command: [node, agents/security.mjs], timeout: 10m, retries: 1 }
  - { name: performance, role: auditor, task_type: performance, needs: plan, runner: claude, model: …, tools: [read_file, grep] }
  - { name: report, role: AUDITOR, task_type: synthesis, needs: [security, performance], synthesize: true, on_insufficient: sequential }
`

describe("a good file", () => {
  it.effect("becomes a definition with its variables and defaults filled in", () =>
    Effect.gen(function* () {
      const defaults = { env: {}, timeout: 1_800_000, retries: 2, synthesize: false }
      assert.deepStrictEqual<unknown>(yield* parse(example), {
        name: "site-audit",
        max_parallel: 3,
        budget: { tokens: 400_000 },
        vars: { target: "./site" },
        agents: [
          {
            ...defaults,
            name: "plan",
            role: "PLANNER",
            task_type: "arch-design",
            needs: [],
            runner: "command",
            prompt: "Plan an audit of ./site",
            command: ["node", "agents/plan.mjs"]
          },
          {
            ...defaults,
            name: "security",
            role: "AUDITOR",
            task_type: "security",
            needs: ["plan"],
            runner: "command",
            prompt: "…",
            command: ["node", "agents/security.mjs"],
            timeout: 600_000,
            retries: 1
          },
          {
            ...defaults,
            name: "performance",
            role: "AUDITOR",
            task_type: "performance",
            needs: ["plan"],
            runner: "claude",
            model: "…",
            tools: ["read_file", "grep"]
          },
          {
            ...defaults,
            name: "report",
            role: "AUDITOR",
            task_type: "synthesis",
            needs: ["security", "performance"],
            runner: "synthesis",
            synthesize: true,
            on_insufficient: "sequential"
          }
        ]
      })
    })
  )

  it.effect("may be that of the example", () =>
    Effect.gen(function* () {
      const url = new URL("../../../examples/01-site-audit/workflow.yaml", import.meta.url)
      const workflow = yield* parse(readFileSync(url, "utf8"), { vars: { target: "./elsewhere" } })
      assert.deepStrictEqual(WorkflowFile.order(workflow), [
        "plan",
        "security",
        "performance",
        "accessibility",
        "report"
      ])
      assert.deepStrictEqual(workflow.agents[0].command, ["node", "agents/plan.mjs", "./elsewhere"])
      assert.isTrue(workflow.agents[4]?.synthesize)
    })
  )

  it.effect("may be that of the guide", () =>
    Effect.gen(function* () {
      const guide = readFileSync(new URL("../../../docs/workflow-file.md", import.meta.url), "utf8")
      const [, yaml = ""] = guide.match(/```yaml\n([^]*?)```/) ?? []
      const { agents } = yield* parse(yaml)
      assert.deepStrictEqual(
        agents.map(({ runner }) => runner),
        ["command", "command", "command", "synthesis"]
      )
    })
  )

  it.effect("keeps every key of an agent, times in milliseconds", () =>
    Effect.gen(function* () {
      const { agents, max_parallel, timeout } = yield* parse(
        ["timeout: 2h", ...withAgent().split("\n").slice(0, 5)].join("\n") +
          `
    command: [node, --port, "8080"]
    cwd: sub/folder
    env: { PORT: 8080, RATIO: 1.10, ON: true, EMPTY: "" }
    timeout: 90s
    silence: 500ms
    retries: 0
    budget: { cost_usd: 0.5, turns: 3 }
    flags: { ENABLE_WAKE_MESSAGING: false }
`
      )
      assert.deepStrictEqual([timeout, max_parallel], [7_200_000, 5])
      const { budget, command, cwd, env, flags, retries, silence, timeout: own } = agents[0]
      assert.deepStrictEqual(command, ["node", "--port", "8080"])
      assert.strictEqual(cwd, "sub/folder")
      assert.deepStrictEqual(env, { EMPTY: "", ON: "true", PORT: "8080", RATIO: "1.10" })
      assert.deepStrictEqual([own, silence, retries], [90_000, 500, 0])
      assert.deepStrictEqual(budget, { cost_usd: 0.5, turns: 3 })
      assert.deepStrictEqual(flags, { ENABLE_WAKE_MESSAGING: false })
    })
  )

  it.effect("gives the same definition, byte for byte, whatever the order of its keys, as YAML and as JSON", () =>
    Effect.gen(function* () {
      const keys = {
        name: "a",
        role: "planner",
        task_type: "t",
        prompt: "${b}",
        command: ["x"],
        env: { A: "1", B: "2" },
        timeout: "1s",
        budget: { turns: 1, tokens: 2 },
        flags: {},
        silence: "1m",
        model: "m",
        tools: [],
        cwd: "."
      }
      const top = { name: "w", max_parallel: 2, timeout: "1h", vars: { a: "1", b: "2" }, budget: { tokens: 1 } }
      const expected = JSON.stringify(yield* parse(JSON.stringify({ ...top, agents: [keys] })))
      const turned = reversed({ ...top, agents: [reversed(keys)] })
      assert.strictEqual(JSON.stringify(yield* parse(JSON.stringify(turned, undefined, "\t"))), expected)
      assert.strictEqual(JSON.stringify(yield* parse(stringify(turned))), expected)
    })
  )

  it.effect("comes back from JSON as it was", () =>
    Effect.gen(function* () {
      const workflow = yield* parse(example)
      const stored = JSON.stringify(yield* Schema.encodeEffect(WorkflowFile.Workflow)(workflow))
      const json = Schema.fromJsonString(WorkflowFile.Workflow)
      assert.deepStrictEqual(yield* Schema.decodeEffect(json)(stored), workflow)
    })
  )

  it.effect("may begin with a byte order mark and end its lines as Windows does", () =>
    Effect.gen(function* () {
      const windows = `\uFEFF${example.replaceAll("\n", "\r\n")}`
      assert.deepStrictEqual(yield* parse(windows), yield* parse(example))
      yield* refuses(windows.replace("max_parallel: 3", "max_parallel: x"), [
        '3:15: max_parallel must be a whole number from 1 to 1000, not "x"'
      ])
    })
  )

  it.effect("takes roles in any case, and those that a deployment adds", () =>
    Effect.gen(function* () {
      const reviewer = withAgent().replace("PLANNER", "Reviewer")
      const roles = (workflow: WorkflowFile.Workflow) => workflow.agents.map(({ role }) => role)
      assert.deepStrictEqual<ReadonlyArray<string>>(roles(yield* parse(reviewer, { roles: ["reviewer"] })), [
        "REVIEWER"
      ])
      const added = parse(reviewer).pipe(Effect.provideService(Role.Additional, ["REVIEWER"]))
      assert.deepStrictEqual<ReadonlyArray<string>>(roles(yield* added), ["REVIEWER"])
    })
  )

  it.effect("may share values by anchors and aliases", () =>
    Effect.gen(function* () {
      const { agents } = yield* parse(`name: w
agents:
  - { name: a, role: PLANNER, task_type: t, command: [run], env: &env { A: "1" } }
  - { name: b, role: PLANNER, task_type: t, command: [run], env: *env }
`)
      assert.deepStrictEqual(agents[1]?.env, { A: "1" })
    })
  )

  it.effect("leaves an agent's runner to its keys, then to the file, then to command", () =>
    Effect.gen(function* () {
      const runners = (text: string) => Effect.map(parse(text), ({ agents }) => agents.map(({ runner }) => runner))
      assert.deepStrictEqual(yield* runners(withAgent()), ["command"])
      assert.deepStrictEqual(yield* runners(withAgent("runner: function")), ["function"])
      assert.deepStrictEqual(yield* runners(`runner: claude\n${withAgent("prompt: Go")}`), ["claude"])
      assert.deepStrictEqual(yield* runners(`runner: claude\n${withAgent("command: [x]")}`), ["command"])
      assert.deepStrictEqual(yield* runners(`runner: function\n${withAgent("synthesize: false")}`), ["function"])
      const both = `${withAgent()}\n  - { name: b, role: AUDITOR, task_type: t, needs: [plan], synthesize: true`
      assert.deepStrictEqual(yield* runners(`${both} }`), ["command", "synthesis"])
      assert.deepStrictEqual(yield* runners(`${both}, command: [x] }`), ["command", "command"])
      assert.deepStrictEqual(yield* runners(`${both}, runner: function }`), ["command", "function"])
    })
  )
})

const reversed = (fields: object) => Object.fromEntries(Object.entries(fields).toReversed())

describe("variables", () => {
  const vars = 'vars: { target: ./site, depth: 3, odd: "a b; $(rm -rf /) $${" }'

  it.effect("go into prompt, command, env, cwd and model as they are, never through a shell", () =>
    Effect.gen(function* () {
      const workflow = yield* parse(
        `${vars}\n` +
          withAgent(
            "prompt: Look at ${target}, ${depth} deep",
            'command: [run, "${odd}", "--in=${target}"]',
            "env: { T: '${target}${target}' }",
            'cwd: "${target}/src"',
            "model: m-${depth}"
          )
      )
      const [{ command, cwd, env, model, prompt }] = workflow.agents
      assert.strictEqual(prompt, "Look at ./site, 3 deep")
      assert.deepStrictEqual(command, ["run", "a b; $(rm -rf /) ${", "--in=./site"])
      assert.deepStrictEqual(env, { T: "./site./site" })
      assert.deepStrictEqual([cwd, model], ["./site/src", "m-3"])
      assert.deepStrictEqual(workflow.vars, { depth: "3", odd: "a b; $(rm -rf /) ${", target: "./site" })
    })
  )

  it.effect("take the value that is given instead of their own, without looking through it again", () =>
    Effect.gen(function* () {
      const text = `vars: { a: "1", b: }\n${withAgent('prompt: "${a} ${b}"', "command: [run]")}`
      const workflow = yield* parse(text, { vars: { a: "${b} $${b}", b: "two" } })
      assert.strictEqual(workflow.agents[0].prompt, "${b} $${b} two")
      assert.deepStrictEqual(workflow.vars, { a: "${b} $${b}", b: "two" })
    })
  )

  it.effect("are escaped by a second dollar sign; other dollars are text", () =>
    Effect.gen(function* () {
      const text = withAgent('prompt: "$${x} $HOME $5 $$ $$${x} {x}"', "command: [run]")
      assert.strictEqual((yield* parse(text)).agents[0].prompt, "${x} $HOME $5 $$ $${x} {x}")
    })
  )

  it.effect("that are not declared are named at their own line", () =>
    refuses(
      `${vars}\n${withAgent("prompt: |", "  Look at ${target}", "  and ${taget} and ${HOME:-x} and ${", "command: [run]")}`,
      [
        '9:11: agent "plan": prompt has ${taget}, which is not in vars (did you mean "target"?)',
        '9:24: agent "plan": prompt has ${HOME:-x}, which is not in vars (declare it there, or write $${HOME:-x} for the text itself)',
        '9:39: agent "plan": prompt has ${, which is not closed (for the text itself write $${)'
      ]
    )
  )

  it.effect("that are given but not declared are refused, naming those that are", () =>
    Effect.gen(function* () {
      yield* refuses(
        `name: audit\n${vars}\n${withAgent().split("\n").slice(1).join("\n")}`,
        [
          '2:7: the variable "taget" is given but not declared: the file declares target, depth, odd (did you mean "target"?)'
        ],
        { vars: { taget: "x" } }
      )
      yield* refuses(withAgent(), ['1:1: the variable "x" is given but not declared: the file declares none'], {
        vars: { x: "1" }
      })
    })
  )

  it.effect("without a value, with a bad name, with another in them or of a wrong type are refused", () =>
    refuses(
      `vars:
  none:
  1st: x
  other: \${none}
  list: [x]
${withAgent('prompt: "${none} ${other}"', "command: [run]")}`,
      ["5:9: vars.list must be text, a number, true or false, not a list"]
    ).pipe(
      Effect.andThen(
        refuses(`vars:\n  none:\n  1st: x\n  other: \${none}\n${withAgent('prompt: "${none}"', "command: [run]")}`, [
          "2:3: vars.none has no value (give it one with --var none=…)",
          '3:3: "1st" cannot name a variable (use letters, digits, _ and -, and begin with a letter or _)',
          "4:10: vars.other has ${none} in it (a variable cannot refer to another; for the text itself write $${)"
        ])
      )
    )
  )

  it.effect("cannot blow a file up", () =>
    refuses(`vars: { x: ${"y".repeat(20_000)} }\n${withAgent(`prompt: "${"${x}".repeat(1000)}"`, "command: [run]")}`, [
      '7:13: agent "plan": prompt is too long with its variables (they may add 1048576 characters to a file)'
    ])
  )

  it.effect("cannot bring in what no program can be given", () =>
    refuses(`vars: { x: "a\\0b", y: "\\ud800" }\n${withAgent('command: ["${x}"]')}`, [
      "1:12: vars.x has a NUL character in it",
      "1:23: vars.y has half a character in it, a surrogate without its pair",
      '7:15: agent "plan": command[0] has a NUL character in it'
    ])
  )
})

describe("a bad file", () => {
  it.effect("is told all that is wrong with it, first line first, with pointers and fields for programs", () =>
    Effect.gen(function* () {
      const error = yield* Effect.flip(
        parse(
          `name: Site Audit
agents:
  - name: plan
    role: PLANNER
    task_type: plan
    comand: [node, plan.mjs]
    prompt: Plan
    timeout: 10 minutes
    runner: claude
  - name: security
    role: AUDITOR
    task_type: security
    needs:
      - plan2
    command: [node, 5]
`
        )
      )
      assert.strictEqual(error._tag, "InvalidWorkflow")
      assert.strictEqual(
        error.message,
        `workflow.yaml:1:7: name must be 1 to 64 lower-case letters, digits and hyphens, beginning with a letter, not "Site Audit"
workflow.yaml:6:5: agent "plan": unknown key "comand" (did you mean "command"?)
workflow.yaml:8:14: agent "plan": timeout must be a time such as 500ms, 10s, 10m or 2h, not "10 minutes"
workflow.yaml:14:9: agent "security" needs "plan2", which does not exist (did you mean "plan"?)
workflow.yaml:15:21: agent "security": command[1] must be text, not 5 (write "5" in quotes)`
      )
      assert.deepStrictEqual(
        error.problems.map(({ field, path }) => [path, field]),
        [
          ["/name", "name"],
          ["/agents/0/comand", "comand"],
          ["/agents/0/timeout", "timeout"],
          ["/agents/1/needs/0", "needs[0]"],
          ["/agents/1/command/1", "command[1]"]
        ]
      )
      assert.strictEqual(error.problems[3]?.hint, 'did you mean "plan"?')
      assert.deepStrictEqual(yield* Schema.decodeUnknownEffect(Schema.Array(WorkflowFile.Problem))(error.problems), [
        ...error.problems
      ])
    })
  )

  it.effect("is told about no more than two hundred things", () =>
    Effect.gen(function* () {
      const text = Array.from({ length: 5000 }, (_, index) => `key-${index}: 1`).join("\n")
      assert.strictEqual((yield* complaints(text)).length, 200)
    })
  )

  it.effect("may be empty, or hold nothing but comments", () =>
    Effect.gen(function* () {
      for (const text of ["", "\n\n", "# nothing\n", "\uFEFF", "---\n", "null"]) {
        assert.include((yield* complaints(text))[0], ": the file is empty")
      }
    })
  )

  it.effect("may hold no map at all", () =>
    Effect.gen(function* () {
      for (const text of ["- name: x", "hello", "5", "[]", '"{}"']) {
        yield* refuses(text, ["1:1: a workflow file must be a map of keys, such as name and agents"])
      }
    })
  )

  it.effect("may lack its name or its agents, or list none", () =>
    Effect.gen(function* () {
      yield* refuses("max_parallel: 2", ["1:1: the workflow has no name", "1:1: the workflow has no agents"])
      yield* refuses("name: a\nagents: []", ["2:9: agents must list at least one agent"])
      yield* refuses("name: a\nagents:\n", ["2:1: agents is empty (give it a value)"])
      yield* refuses("name: a\nagents: { plan: {} }", ["2:9: agents must be a list of agents, not a map"])
    })
  )

  it.effect("may have agents that lack keys, or are none", () =>
    refuses("name: a\nagents:\n  - name: plan\n    command: [x]\n  - 5\n  -\n  - {}", [
      '3:5: agent "plan" has no role',
      '3:5: agent "plan" has no task_type',
      "5:5: agent 2 must be a map of keys",
      "6:4: agent 3 must be a map of keys",
      "7:5: agent 4 has no name",
      "7:5: agent 4 has no role",
      "7:5: agent 4 has no task_type",
      "7:5: agent 4 has nothing to do (give it a command, a prompt for runner claude, or synthesize: true)"
    ])
  )

  it.effect("may have keys that nobody knows", () =>
    Effect.gen(function* () {
      yield* refuses(
        `max_paralel: 3\n${withAgent("timout: 3s", "xyz: 1", "budget: { token: 5 }", "flags: { x: true }")}`,
        [
          '1:1: unknown key "max_paralel" (did you mean "max_parallel"?)',
          '7:5: agent "plan": unknown key "timout" (did you mean "timeout"?)',
          '8:5: agent "plan": unknown key "xyz"',
          '9:15: agent "plan": unknown key "token" in budget (did you mean "tokens"?)',
          '10:14: agent "plan": unknown key "x" in flags'
        ]
      )
      yield* refuses(withAgent("<<: { retries: 1 }"), [
        '6:5: agent "plan": unknown key "<<" (merge keys are not read: write the keys out)'
      ])
    })
  )

  it.effect("may give a key twice", () =>
    refuses(`name: first\n${withAgent("retries: 1", "retries: 2")}`, [
      '2:1: the key "name" is given twice (first on line 1)',
      '8:5: agent "plan": the key "retries" is given twice (first on line 7)'
    ])
  )

  it.effect("may have keys that are not text, or that no object should have", () =>
    Effect.gen(function* () {
      yield* refuses(withAgent("1: x", "? [a]", ": b", "true: c"), [
        '6:5: agent "plan": a key must be text (write "1" in quotes)',
        '7:7: agent "plan": a key must be text',
        '9:5: agent "plan": a key must be text (write "true" in quotes)'
      ])
      yield* refuses(`__proto__: { x: 1 }\n${withAgent("env: { constructor: x }", "prototype: 1")}`, [
        '1:1: "__proto__" cannot be a key',
        '7:12: agent "plan": "constructor" cannot be a key',
        '8:5: agent "plan": "prototype" cannot be a key'
      ])
      yield* complaints('{"__proto__": {"polluted": 1}}')
      assert.isFalse("polluted" in {})
    })
  )

  it.effect("may use a name twice", () =>
    refuses(`${withNeeds({ a: [], b: [] })}\n  - { name: a, role: AUDITOR, task_type: t, command: [x] }`, [
      '5:13: the name "a" is used twice (first on line 3)'
    ])
  )

  it.effect("may have bad names, task types and names in the environment", () =>
    Effect.gen(function* () {
      const grammar = "must be 1 to 64 lower-case letters, digits and hyphens, beginning with a letter"
      for (const name of ["../etc", "Plan", "1st", "a_b", "a b", "", "a".repeat(65), "-a", "pl\u00e4n"]) {
        const shown = JSON.stringify(name.length > 60 ? `${name.slice(0, 60)}…` : name)
        const quoted = JSON.stringify(name)
        yield* refuses(withAgent().replace("name: audit", `name: ${quoted}`), [`1:7: name ${grammar}, not ${shown}`])
        const agent = name === "" ? "agent 1" : `agent ${shown}`
        yield* refuses(withAgent().replace("name: plan", `name: ${quoted}`), [
          `3:11: ${agent}: name ${grammar}, not ${shown}`
        ])
      }
      yield* refuses(withAgent('env: { "A B": x }').replace("task_type: plan", "task_type: a/b"), [
        '5:16: agent "plan": task_type must be 1 to 64 letters, digits, dots, hyphens and underscores, beginning with a letter or a digit, not "a/b"',
        '6:12: agent "plan": "A B" cannot name a variable of the environment (use letters, digits and _, and begin with a letter or _)'
      ])
    })
  )

  it.effect("may have a role that the fleet does not know", () =>
    refuses(withAgent().replace("PLANNER", "planer"), [
      '4:11: agent "plan": role must be one of PLANNER, IMPLEMENTER, AUDITOR, CLEANER, ORCHESTRATOR, OBSERVER, not "planer" (did you mean "PLANNER"?)'
    ])
  )

  it.effect("may need what does not exist, itself, or the same twice", () =>
    refuses(withNeeds({ plan: [], a: ["plam", "a", "xyz", "plan", "plan"] }), [
      '4:69: agent "a" needs "plam", which does not exist (did you mean "plan"?)',
      '4:75: agent "a" needs itself',
      '4:78: agent "a" needs "xyz", which does not exist',
      '4:89: agent "a" needs "plan" twice'
    ])
  )

  it.effect("may have needs that go round in circles, which are named", () =>
    Effect.gen(function* () {
      yield* refuses(withNeeds({ free: [], a: ["free", "b"], b: ["c"], c: ["a"] }), [
        "4:75: the needs go round in a circle: a -> b -> c -> a"
      ])
      yield* refuses(withNeeds({ z: ["b"], b: ["c"], c: ["b", "d"], d: ["c"], last: ["z"] }), [
        "4:69: the needs go round in a circle: b -> c -> b",
        "5:72: the needs go round in a circle: c -> d -> c"
      ])
    })
  )

  it.effect("may have times that are none", () =>
    Effect.gen(function* () {
      const such = 'must be a time such as 500ms, 10s, 10m or 2h, not "'
      for (const bad of ["10", "1.5h", "10 m", "-5s", "1d", "10M", "", "1h30m", "99999999999999999s"]) {
        yield* refuses(withAgent(`timeout: "${bad}"`), [`6:14: agent "plan": timeout ${such}${bad}"`])
      }
      yield* refuses(
        withAgent("timeout: 600", "silence: 0s", "command: [x]").replace("name: audit", "name: audit\ntimeout: 241h"),
        [
          '2:10: timeout must be from 1ms to 240h, not "241h"',
          '7:14: agent "plan": timeout must be a time such as 500ms, 10s, 10m or 2h, not 600',
          '8:14: agent "plan": silence must be from 1ms to 240h, not "0s"'
        ]
      )
    })
  )

  it.effect("may have numbers that are negative, huge, broken or none", () =>
    Effect.gen(function* () {
      for (const bad of ["-1", "101", "1.5", "1e400", ".inf", ".nan", "x", "true", "[]", "99999999999999999999"]) {
        const [line = ""] = yield* complaints(withAgent(`retries: ${bad}`))
        assert.match(line, /^workflow.yaml:6:14: agent "plan": retries must be a whole number from 0 to 100, not /)
      }
      yield* refuses(`max_parallel: 0\nbudget: { tokens: 0, cost_usd: -0.5, turns: 1e9 }\n${withAgent("budget: 5")}`, [
        "1:15: max_parallel must be a whole number from 1 to 1000, not 0",
        "2:19: budget.tokens must be a whole number from 1 to 1000000000000, not 0",
        "2:32: budget.cost_usd must be a number above 0, at most 1000000, not -0.5",
        "2:45: budget.turns must be a whole number from 1 to 1000000, not 1e9",
        '8:13: agent "plan": budget must be a map such as { tokens: 400000 }, not 5'
      ])
    })
  )

  it.effect("may have values of the wrong type", () =>
    refuses(
      withAgent(
        "prompt: 42",
        "needs: 5",
        "command: node plan.mjs",
        "tools: grep",
        "env: [A]",
        "cwd: [x]",
        "flags: { ENABLE_WAKE_MESSAGING: off }",
        "model: ",
        "synthesize: maybe",
        "on_insufficient: parallel",
        "runner: docker"
      ),
      [
        '6:13: agent "plan": prompt must be text, not 42 (write "42" in quotes)',
        '7:12: agent "plan": needs must be a list of agent names, not 5',
        '8:14: agent "plan": command must be a list such as [node, agent.mjs], not "node plan.mjs"',
        '9:12: agent "plan": tools must be a list of text, not "grep"',
        '10:10: agent "plan": env must be a map of names to values, not a list',
        '11:10: agent "plan": cwd must be text, not a list',
        '12:37: agent "plan": flags.ENABLE_WAKE_MESSAGING must be true or false, not "off"',
        '13:5: agent "plan": model is empty (give it a value)',
        '14:17: agent "plan": synthesize must be true or false, not "maybe"',
        '15:22: agent "plan": on_insufficient must be sequential, not "parallel"',
        '16:13: agent "plan": runner must be command, claude or function, not "docker"'
      ]
    )
  )

  it.effect("may have a command that is no list of text", () =>
    Effect.gen(function* () {
      const such = 'agent "plan": command must be a list such as [node, agent.mjs], not'
      yield* refuses(withAgent("command: []"), [`6:14: ${such} a list`])
      yield* refuses(withAgent("command: { node: x }"), [`6:14: ${such} a map`])
      yield* refuses(withAgent('command: ["  ", ""]'), ['6:15: agent "plan": command[0] must not be blank'])
      yield* refuses(withAgent("command: [sleep, 5, true, [x], ~]"), [
        '6:22: agent "plan": command[1] must be text, not 5 (write "5" in quotes)',
        '6:25: agent "plan": command[2] must be text, not true (write "true" in quotes)',
        '6:31: agent "plan": command[3] must be text, not a list',
        '6:36: agent "plan": command[4] is empty (give it a value)'
      ])
    })
  )

  it.effect("may have an agent with nothing to do, or with what its runner has no use for", () =>
    Effect.gen(function* () {
      yield* refuses(withAgent("synthesize: false"), [
        '3:5: agent "plan" has nothing to do (give it a command, a prompt for runner claude, or synthesize: true)'
      ])
      yield* refuses(withAgent("prompt: Go"), [
        '3:5: agent "plan" has the runner command, but no command (a prompt alone is for runner claude)'
      ])
      yield* refuses(withAgent("runner: command"), [
        '3:5: agent "plan" has the runner command, but no command (a prompt alone is for runner claude)'
      ])
      yield* refuses(withAgent("runner: claude"), [
        '3:5: agent "plan" has the runner claude, but neither a prompt nor needs to work from'
      ])
      yield* refuses(withAgent("prompt: Go", "runner: claude", "command: [x]"), [
        '8:14: agent "plan": command is for the runner command, and this agent has claude'
      ])
    })
  )

  it.effect("may synthesize nothing, or say what only a synthesis can", () =>
    Effect.gen(function* () {
      yield* refuses(withAgent("synthesize: true"), [
        '3:5: agent "plan" has nothing to synthesize (list in needs the agents whose results it merges)'
      ])
      yield* refuses(withAgent("on_insufficient: sequential"), [
        '6:22: agent "plan": on_insufficient is only for an agent with synthesize: true'
      ])
    })
  )

  it.effect("may be no YAML, which is told at the line where it begins to be none", () =>
    Effect.gen(function* () {
      yield* refuses("name: x\nagents:\n\t- name: a\n", [
        "3:1: not valid YAML: Tabs are not allowed as indentation (indent with spaces)"
      ])
      yield* refuses(withAgent("prompt: Audit: the site"), [
        '6:13: not valid YAML: Nested mappings are not allowed in compact mappings (text with ": " or "${" in it needs quotes)'
      ])
      yield* refuses('name: "x\nagents:\n  - name: a\n', ['1:7: not valid YAML: Missing closing "quote'])
      const [unclosed = ""] = yield* complaints("name: x\nagents:\n  - name: [a, b\n")
      assert.match(unclosed, /^workflow.yaml:3:11: not valid YAML: .* end with a \]$/)
      const [brace = ""] = yield* complaints("name: x\nagents:\n  - { prompt: Plan ${x} }\n")
      assert.match(brace, /^workflow.yaml:3:\d+: not valid YAML: .*\(text with ": " or "\$\{" in it needs quotes\)$/)
      yield* refuses("name: !!js/function x\nagents: []", [
        "1:7: not valid YAML: Unresolved tag: tag:yaml.org,2002:js/function (tags are not read: leave it out, or put the text in quotes)"
      ])
    })
  )

  it.effect("is told in one line a problem, whatever is written in it", () =>
    refuses(withAgent('"a\\n\\e[31m\\u202E": 1', 'prompt: "${\\e[2J}"', "command: [x]"), [
      '6:5: agent "plan": unknown key "a\\n\\u001b[31m\\u{202e}"',
      '7:13: agent "plan": prompt has ${\\u{1b}[2J}, which is not in vars (declare it there, or write $${\\u{1b}[2J} for the text itself)'
    ])
  )

  it.effect("may hold several documents", () =>
    refuses(`${withAgent()}\n---\n${withAgent()}`, ["7:1: a second document begins here, and a file holds one"])
  )

  it.effect("may have aliases of nothing, of themselves, or of too much", () =>
    Effect.gen(function* () {
      yield* refuses(withAgent("env: { A: *nothing }"), [
        '6:15: agent "plan": the alias *nothing has no anchor before it'
      ])
      const [itself = ""] = yield* complaints(withAgent("env: &env { A: *env }"))
      assert.include(itself, "6:20: ")
      const letters = [..."abcdefghijklm"]
      const bomb = letters.map((letter, index) => {
        const inner = index === 0 ? "x" : `*${letters[index - 1]}`
        return `${letter}: &${letter} [${Array.from({ length: 9 }, () => inner).join(", ")}]`
      })
      const lines = yield* complaints(bomb.join("\n"))
      assert.isTrue(lines.some((line) => line.endsWith("the aliases repeat too much (write out what they stand for)")))
    })
  )

  it.effect("may be nested deeper, or be longer, than any workflow is", () =>
    Effect.gen(function* () {
      for (const piece of ["[", "{a: ", "- ", "? ", "[[], "]) {
        const [line = ""] = yield* complaints(piece.repeat(30_000))
        assert.match(line, /^workflow.yaml:1:\d+: lists and maps are nested more than 200 deep$/)
      }
      yield* refuses("x".repeat(1_048_577), ["1:1: the file has 1048577 characters; at most 1048576 are read"])
    })
  )
})

describe("order", () => {
  it.effect("puts each agent after its needs, and otherwise keeps the file's order", () =>
    Effect.gen(function* () {
      const workflow = yield* parse(withNeeds({ report: ["a", "b"], b: ["plan"], x: [], plan: [], a: ["plan"] }))
      assert.deepStrictEqual(WorkflowFile.order(workflow), ["x", "plan", "b", "a", "report"])
    })
  )

  const graphs = fc
    .uniqueArray(fc.stringMatching(/^[a-z][a-z0-9-]{0,6}$/), { minLength: 1, maxLength: 12 })
    .filter((names) => !names.some((name) => ["true", "false", "null"].includes(name)))
    .chain((names) =>
      fc.tuple(...names.map((_, index) => fc.subarray(names.slice(0, index)))).chain((needs) =>
        fc.shuffledSubarray(
          names.map((name, index) => ({ name, needs: needs[index] ?? [] })),
          { minLength: names.length }
        )
      )
    )

  it("of any graph without a circle has each agent once, after its needs, and the graph comes back as it went in", () =>
    fc.assert(
      fc.property(graphs, fc.boolean(), (graph, json) => {
        const file = {
          name: "w",
          agents: graph.map((node) => ({ ...node, role: "auditor", task_type: "t", command: ["run"] }))
        }
        const workflow = Effect.runSync(parse(json ? JSON.stringify(file) : stringify(file)))
        assert.deepStrictEqual<unknown>(
          workflow.agents.map(({ name, needs }) => ({ name, needs })),
          graph
        )
        const order = WorkflowFile.order(workflow)
        assert.sameMembers(
          [...order],
          graph.map(({ name }) => name)
        )
        for (const { name, needs } of graph) {
          assert.isTrue(needs.every((need) => order.indexOf(need) < order.indexOf(name)))
        }
        const free = graph.find(({ needs }) => needs.length === 0)
        assert.strictEqual(order[0], free?.name)
      })
    ))
})

describe("any text", () => {
  /** Answers a workflow, or problems that all have a place in the text; never a defect. */
  const read = (text: string) => {
    const result = Effect.runSync(Effect.result(parse(text)))
    if (result._tag === "Failure") {
      const lines = text.split("\n")
      assert.isAbove(result.failure.problems.length, 0)
      for (const { column, line, message } of result.failure.problems) {
        assert.isTrue(
          line >= 1 && line <= lines.length && column >= 1,
          `${line}:${column} of ${lines.length}: ${message}`
        )
      }
    } else {
      assert.strictEqual(WorkflowFile.order(result.success).length, result.success.agents.length)
    }
  }

  it("is read or refused, whatever it is", () =>
    fc.assert(fc.property(fc.oneof(fc.string({ unit: "binary" }), fc.string(), fc.json()), read), { numRuns: 500 }))

  it("made of pieces of YAML is read or refused", () => {
    const pieces = [
      "name: ",
      "agents:",
      "\n",
      "\n  ",
      "- ",
      "\t",
      "{",
      "}",
      "[",
      "]",
      "&a ",
      "*a",
      "!x ",
      "%",
      "---\n",
      "|\n"
    ]
    const more = [
      "? ",
      ": ",
      ", ",
      '"',
      "'",
      "#",
      "<<: ",
      "needs: ",
      "${x}",
      "$${",
      "\0",
      "\uFEFF",
      "\r",
      "~",
      "1e999",
      "…"
    ]
    fc.assert(
      fc.property(fc.array(fc.constantFrom(...pieces, ...more), { maxLength: 40 }), (parts) => read(parts.join(""))),
      { numRuns: 2000 }
    )
  })

  it("that was a good file before it was damaged is read or refused", () =>
    fc.assert(
      fc.property(
        fc.nat(example.length),
        fc.nat(20),
        fc.oneof(fc.string({ maxLength: 5 }), fc.constantFrom("[", "}", '"', "\t", "\n", ": ", "*a", "${", "\0")),
        (at, length, piece) => read(example.slice(0, at) + piece + example.slice(at + length))
      ),
      { numRuns: 1000 }
    ))

  it("of any JSON in the place of any key is read or refused", () =>
    fc.assert(
      fc.property(
        fc.constantFrom("name", "runner", "max_parallel", "budget", "timeout", "vars", "agents"),
        fc.constantFrom("name", "role", "task_type", "needs", "command", "env", "flags", "synthesize", "retries"),
        fc.jsonValue(),
        fc.jsonValue(),
        (top, key, value, inner) => {
          const agent = { name: "a", role: "PLANNER", task_type: "t", command: ["x"] }
          read(JSON.stringify({ name: "w", agents: [{ ...agent, [key]: inner }] }))
          read(JSON.stringify({ name: "w", agents: [agent], [top]: value }))
        }
      ),
      { numRuns: 500 }
    ))
})
