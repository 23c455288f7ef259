import { it } from "@effect/vitest"
import { Effect } from "effect"
import { parse, order } from "../src/WorkflowFile.ts"
const show = (label: string, text: string, vars?: any) =>
  Effect.gen(function* () {
    const t = performance.now()
    const r = yield* Effect.result(parse(text, { file: "workflow.yaml", vars }))
    const ms = Math.round(performance.now() - t)
    console.log(
      "== " +
        label +
        (ms > 50 ? ` ${ms}ms` : "") +
        "\n" +
        (r._tag === "Success"
          ? JSON.stringify(r.success, null, 1) + order(r.success)
          : r.failure.message.split("\n").slice(0, 20).join("\n").slice(0, 3000))
    )
  })
const N = 1 << 20
it.effect(
  "x",
  () =>
    Effect.gen(function* () {
      yield* show(
        "design",
        `name: site-audit
runner: command              # default
max_parallel: 5
budget: { tokens: 400000 }
vars: { target: ./site }
agents:
  - { name: plan, role: PLANNER, task_type: arch-design, prompt: "Plan an audit of \${target}", command: [node, agents/plan.mjs] }
  - { name: security, role: AUDITOR, task_type: security, needs: [plan], prompt: "…", command: [node, agents/security.mjs], timeout: 10m, retries: 2 }
  - { name: performance, role: AUDITOR, task_type: performance, needs: [plan], runner: claude, prompt: x, model: m, tools: [read_file, grep] }
  - { name: report, role: AUDITOR, task_type: synthesis, needs: [security, performance], synthesize: true }
`
      )
      yield* show(
        "bad",
        `name: Site Audit
runer: command
max_parallel: 0
budget: { token: 5, cost_usd: -1 }
timeout: 10 minutes
vars: { target: ./site, n: 5, e: "\${target}", r: , 1a: x, constructor: 1 }
agents:
  - name: plan
    role: AUDITER
    task_type: "a b"
    prompt: |
      hello \${target}
      and \${tarrget} and \${ target }
      \${HOME:-x} \$\${ok} \${unclosed
    command: [node, 5, true, null, [x], ""]
    timeout: 600
    retries: -1
    retries: 3
    silence: 0s
  - name: a
    role: planner
    task_type: x
    needs: [b, a, zz, plann, b]
    command: node x
    env: { PORT: 8080, "A B": 1, X: [1], E: , Q: "\${q}" }
    flags: { ENABLE_WAKE_MESSAGES: false, ENABLE_WAKE_MESSAGING: no }
  - name: b
    role: planner
    task_type: x
    needs: [a]
    prompt: x
    on_insufficient: parallel
    synthesize: yes
    <<: *x
  - name: a
    role: observer
    needs: 5
    1: 2
    ? [x]
    : 3
  - 5
  -
  - {name: s, role: auditor, task_type: x, synthesize: true, command: [a], runner: claude}
  - {name: t, role: auditor, task_type: x, runner: command, synthesize: true, needs: a}
  - {name: u, role: auditor, task_type: x}
  - {}
`,
        { tarqet: "x", n: "\${zz}" }
      )
      for (const [l, t] of Object.entries<string>({
        empty: "",
        comment: "# x\n",
        list: "- a\n",
        scalar: "hello",
        tab: "name: x\nagents:\n\t- a: 1\n",
        two: "name: x\nagents: []\n---\nname: y\n",
        bom: "\uFEFFname: x\r\nagents:\r\n  - name: [\r\n",
        colon: "name: x\nagents:\n  - name: a\n    prompt: Audit: the site\n    role: b\n",
        flow: "name: x\nagents:\n  - { name: a, prompt: Plan ${target} }\n",
        tag: "name: !!js/function x\nagents: !foo []\n",
        alias: "name: *x\nagents: &a [*a]\n",
        noname: "agents: []\n",
        agentsmap: "name: x\nagents: {a: 1}\n",
        json: '{\n\t"name": "x",\n\t"agents": [\n\t\t{"name": "a", "role": "PLANNER", "task_type": "x", "timeout": "5x"}\n\t]\n}',
        proto: '{"__proto__": 1, "name": "x", "agents": [{"constructor": 1}]}',
        directive: "%YAML 1.1\n---\nname: yes\nagents: 1\n",
        missingq: 'name: "x\nagents: 1\n',
        nulls: "name:\nagents:\n",
        percent: "%\n%\n",
        closing: "]\n}\n"
      }))
        yield* show(l, t)
      const bomb =
        "a: &a [x,x,x,x,x,x,x,x,x]\n" +
        "bcdefghij"
          .split("")
          .map(
            (k, i) =>
              `${k}: &${k} [${Array(9)
                .fill("*" + "abcdefghij"[i])
                .join(",")}]`
          )
          .join("\n")
      for (const [l, t] of Object.entries<string>({
        bomb,
        "deep [": "[".repeat(N),
        "deep [ ]": "[".repeat(20000) + "]".repeat(20000),
        "deep {": "{a: ".repeat(20000),
        "deep -": "- ".repeat(20000),
        deepalias:
          "a0: &a0 x\n" + Array.from({ length: 20000 }, (_, i) => `a${i + 1}: &a${i + 1} [[[*a${i}]]]`).join("\n"),
        "deep block": Array.from({ length: 1400 }, (_, i) => " ".repeat(i) + "a:").join("\n"),
        manykeys: Array.from({ length: 90000 }, (_, i) => `k${i}: 1`).join("\n"),
        errs: "]\n".repeat(N / 2),
        comma: "[" + ",".repeat(N - 1),
        big: "x".repeat(N + 1),
        percent: "%\n".repeat(N / 2),
        typos: "a: b: c\n".repeat(90),
        manyagents:
          "name: x\nagents:\n" +
          Array.from(
            { length: 16000 },
            (_, i) => `- {name: a${i}, role: planner, task_type: x, needs: [a${i + 1}]}`
          ).join("\n"),
        chain:
          "name: x\nagents:\n" +
          Array.from(
            { length: 14000 },
            (_, i) => `- {name: a${i}, role: planner, task_type: x, needs: [b${i}], prompt: x}`
          ).join("\n"),
        varbomb:
          "name: x\nvars:\n  x: " +
          "y".repeat(N / 2) +
          '\nagents:\n- {name: a, role: planner, task_type: x, command: [a], prompt: "' +
          "${x}".repeat(100000) +
          '"}\n'
      }))
        yield* show(l, t)
    }),
  120000
)
