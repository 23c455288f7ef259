/** A fleet of Claude on memory, with the fake API behind it. */
import { NodeServices } from "@effect/platform-node"
import { type Duration, Effect, Layer, Logger, Redacted } from "effect"
import type * as Agent from "../../src/Agent.ts"
import * as AgentRunner from "../../src/AgentRunner.ts"
import * as ClaudeRunner from "../../src/claude/ClaudeRunner.ts"
import * as Orchestrator from "../../src/Orchestrator.ts"
import * as Resumption from "../../src/Resumption.ts"
import * as Sessions from "../../src/Sessions.ts"
import * as FakeClaude from "../../src/testing/FakeClaude.ts"
import * as Transport from "../../src/Transport.ts"

export const key = "sk-ant-test-7f3a"

export const quick = { first: "5 millis", budget: "5 seconds" } as const

/** Journal, queues, sessions and what Node has. */
export const services = Layer.mergeAll(Transport.services(Transport.layerMemory), NodeServices.layer, Logger.layer([]))

export interface Setup extends Partial<ClaudeRunner.Options> {
  readonly runner?: Partial<Extract<Agent.Runner, { type: "claude" }>>
  readonly prompt?: string
  readonly id?: string
  readonly inputs?: Sessions.CreateOptions["inputs"]
  readonly retries?: number
  readonly timeout?: number
  readonly listen?: Orchestrator.Options["listen"]
  readonly observe?: Orchestrator.Options["observe"]
  readonly wait?: Duration.Input
}

export const runnerOf = (url: string, setup: Setup = {}) =>
  AgentRunner.layer({
    claude: ClaudeRunner.make({
      apiKey: Redacted.make(key),
      baseUrl: url,
      retry: quick,
      silence: "2 seconds",
      ...setup
    })
  })

/** Spawns one agent, or takes it up, and answers its session once it has ended or is blocked. */
export const work = (fake: { readonly url: string }, setup: Setup = {}) =>
  Effect.gen(function* () {
    const { id = "impl-a", prompt = "Do it" } = setup
    // One for each agent: what another test has left behind is none of its business.
    const orchestrator = yield* Orchestrator.make({
      name: id,
      ...(setup.listen === undefined ? {} : { listen: setup.listen }),
      ...(setup.observe === undefined ? {} : { observe: setup.observe })
    })
    const handle = yield* orchestrator.adopt(id).pipe(
      Effect.catchTag("SessionNotFound", () =>
        orchestrator.spawn({
          id,
          role: "IMPLEMENTER",
          taskType: "test",
          prompt,
          runner: { type: "claude", ...setup.runner },
          inputs: setup.inputs,
          limits: { retries: setup.retries ?? 0, timeout: setup.timeout ?? 20_000 }
        })
      )
    )
    return yield* handle.await
  }).pipe(Effect.scoped, Effect.provide(runnerOf(fake.url, setup)))

/** Says something to a session that is not at work, and works on. */
export const goOn = (fake: { readonly url: string }, prompt: string | undefined, setup: Setup = {}) =>
  Effect.andThen(Resumption.resume(setup.id ?? "impl-a", { prompt }), work(fake, setup))

/** What the session's journal has of a conversation, oldest first. */
export const entries = (id = "impl-a") =>
  Effect.map(Sessions.recall(id, { kind: "turn" }), (turns) =>
    turns.map((turn) => ({ text: String(turn["text"]), entry: turn["entry"] }))
  )

/** Spawns several agents at once, each with a prompt of its own, and answers their sessions in that order. */
export const workAll = (fake: { readonly url: string }, ids: ReadonlyArray<string>, setup: Setup = {}) =>
  Effect.gen(function* () {
    const orchestrator = yield* Orchestrator.make({ name: `${ids[0]}-fleet`, maxParallel: ids.length })
    const handles = yield* Effect.forEach(ids, (id) =>
      orchestrator.spawn({
        id,
        role: "IMPLEMENTER",
        taskType: "test",
        prompt: `Do it, ${id}.`,
        runner: { type: "claude", ...setup.runner },
        limits: { retries: setup.retries ?? 0, timeout: setup.timeout ?? 20_000 }
      })
    )
    return yield* Effect.forEach(handles, (handle) => handle.await, { concurrency: "unbounded" })
  }).pipe(Effect.scoped, Effect.provide(runnerOf(fake.url, setup)))

/** A server with a conversation for each of these agents. */
export const talks = (scripts: { readonly [id: string]: FakeClaude.Conversation["turns"] }) =>
  FakeClaude.make({
    conversations: Object.entries(scripts).map(([id, turns]) => ({ name: id, when: `, ${id}.`, turns }))
  })

/** A server with one conversation. */
export const talk = (turns: FakeClaude.Conversation["turns"], options: Partial<FakeClaude.Options> = {}) =>
  FakeClaude.make({ conversations: [{ name: "talk", turns }], ...options })

export const done = FakeClaude.hand({
  summary: "It is done",
  claims: null,
  files: null,
  issues: null,
  confidence: 0.9
})
