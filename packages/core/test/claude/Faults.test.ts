import { assert, describe, it, layer } from "@effect/vitest"
import { Clock, DateTime, Effect, Fiber, Logger, Option, Redacted, Schema, Stream } from "effect"
import * as Api from "../../src/claude/Api.ts"
import { parseRetryAfter } from "../../src/claude/ApiError.ts"
import * as Tool from "../../src/claude/Tool.ts"
import * as Sessions from "../../src/Sessions.ts"
import * as FakeClaude from "../../src/testing/FakeClaude.ts"
import { done, entries, goOn, key, services, talk, talks, work, workAll } from "../support/claude.ts"

const { call, say, think } = FakeClaude

/** A tool that counts how often it was called, by session. */
const makeBell = () => {
  const rung: Array<string> = []
  const bell = Tool.of("bell", {
    description: "Rings",
    input: Schema.Struct({ times: Schema.Number }),
    effects: "unsafe",
    run: (_, { session }) =>
      Effect.as(
        Effect.sync(() => rung.push(session.session_id)),
        "rung"
      )
  })
  return { bell, rung }
}
const ringing: FakeClaude.Turn = { content: [think("I ring"), say("Ringing"), call("bell", { times: 1 })] }

/** One agent for each fault, which its first attempt meets. */
const faulty = (faults: { readonly [id: string]: FakeClaude.Fault }, turn: FakeClaude.Turn = ringing) =>
  talks(Object.fromEntries(Object.entries(faults).map(([id, fault]) => [id, [{ ...turn, faults: [fault] }, done]])))

const elapsed = <A, E, R>(effect: Effect.Effect<A, E, R>) =>
  Effect.gen(function* () {
    const since = yield* Clock.currentTimeMillis
    const value = yield* effect
    return { value, took: (yield* Clock.currentTimeMillis) - since }
  })

layer(services, { excludeTestServices: true })("calls of the Claude API", (it) => {
  it.effect(
    "A01: 529, 500, 503 and a connection reset are tried again, logged under one name with their request ids",
    () =>
      Effect.gen(function* () {
        const lines: Array<string> = []
        const listening = Logger.layer([Logger.make(({ message }) => void lines.push(String(message)))])
        const statuses = [529, 500, 503].map((status) => ({ type: "status" as const, status }))
        const fake = yield* talk([{ ...done, faults: [...statuses, { type: "reset" }] }])
        const session = yield* Effect.provide(work(fake, { id: "impl-a01" }), listening)
        assert.strictEqual(session.status, "complete")
        assert.lengthOf(fake.requests, 5)
        const told = lines.filter((line) => line.startsWith("Call impl-a01/1/2, attempt "))
        assert.lengthOf(told, 4)
        for (const n of [1, 2, 3]) assert.include(told[n - 1], `request req_${n}`)
      })
  )

  it.effect("A01: there is an end to it: a budget of time, and then a failure that says what happened", () =>
    Effect.gen(function* () {
      const overloaded = Array.from({ length: 99 }, () => ({ type: "status" as const, status: 500 }))
      const fake = yield* talk([{ ...done, faults: overloaded }])
      const retry = { first: "20 millis", budget: "400 millis" } as const
      const { took, value: session } = yield* elapsed(work(fake, { id: "impl-a01-end", retry }))
      assert.deepStrictEqual([session.status, session.error?.code], ["failed", "api_server"])
      assert.include(session.error?.message, "(500)")
      assert.isBelow(took, 5000)
      assert.isAtLeast(fake.requests.length, 3)
      const waits = fake.requests.slice(1).map(({ at }, n) => at - (fake.requests[n]?.at ?? 0))
      assert.isAbove(waits.at(-1) ?? 0, waits[0] ?? 0)
      assert.notStrictEqual(new Set(waits.map((wait) => wait.toFixed(3))).size, 1)
    })
  )

  it.effect("A02: retry-after is obeyed, up to a cap; beyond it the call fails at once", () =>
    Effect.gen(function* () {
      const limited = (retryAfter?: string): FakeClaude.Fault => ({
        type: "status",
        status: 429,
        ...(retryAfter === undefined ? {} : { retryAfter })
      })
      const soon = yield* talk([{ ...done, faults: [limited("1")] }])
      assert.strictEqual((yield* work(soon, { id: "impl-a02-soon" })).status, "complete")
      const [first, second] = soon.requests
      assert.isAtLeast((second?.at ?? 0) - (first?.at ?? 0), 1000)

      const late = yield* talk([{ ...done, faults: [limited("3600")] }])
      const { took, value } = yield* elapsed(work(late, { id: "impl-a02-late" }))
      assert.deepStrictEqual([value.status, value.error?.code], ["failed", "api_rate_limited"])
      assert.lengthOf(late.requests, 1)
      assert.isBelow(took, 5000)
    })
  )

  it.effect(
    "A02: a limit of spending is not tried again: the session is blocked until somebody has done something",
    () =>
      Effect.gen(function* () {
        for (const [id, fault] of [
          ["tier", { type: "status", status: 429, code: "enforced_spend_limit_reached" }],
          ["own", { type: "status", status: 400, message: "You have reached your specified API usage limits." }]
        ] as const) {
          const fake = yield* talk([{ ...done, faults: [fault] }])
          const session = yield* work(fake, { id: `impl-a02-${id}` })
          assert.deepStrictEqual([session.status, session.error?.code], ["blocked", "api_spend_limit"])
          assert.lengthOf(fake.requests, 1)
          const again = yield* goOn(fake, undefined, { id: `impl-a02-${id}` })
          assert.strictEqual(again.status, "complete")
        }
      })
  )

  it.effect("A02: where one agent is told to wait, all of its pool wait", () =>
    Effect.gen(function* () {
      const limited = { type: "status" as const, status: 429, retryAfter: "1" }
      const fake = yield* talks({
        "impl-first": [{ ...done, faults: [limited] }],
        "impl-second": [{ ...done, faults: [{ type: "late", by: 300 }] }, done]
      })
      const sessions = yield* workAll(fake, ["impl-first", "impl-second"])
      assert.deepStrictEqual(new Set(sessions.map(({ status }) => status)), new Set(["complete"]))
      const refused = fake.requests.find(({ status }) => status === 429)
      const later = fake.requests.filter(({ at }) => at > (refused?.at ?? 0) + 50)
      for (const { at } of later) assert.isAtLeast(at - (refused?.at ?? 0), 1000)
    })
  )

  it.effect("A03: an error event within an answer is what it says, and nothing of the answer was acted on", () =>
    Effect.gen(function* () {
      const { bell, rung } = makeBell()
      const ids = ["overloaded_error", "api_error", "rate_limit_error"].map((error) => ({
        id: `impl-a03-${error.split("_")[0]}`,
        error
      }))
      const fake = yield* faulty(
        Object.fromEntries(ids.map(({ error, id }) => [id, { type: "error" as const, after: 8, error }]))
      )
      const sessions = yield* workAll(
        fake,
        ids.map(({ id }) => id),
        { tools: [bell] }
      )
      assert.deepStrictEqual(
        sessions.map(({ status }) => status),
        ids.map(() => "complete")
      )
      assert.deepStrictEqual(rung.toSorted(), ids.map(({ id }) => id).toSorted())
      const refusing = yield* talk([{ ...done, faults: [{ type: "error", after: 3, error: "invalid_request_error" }] }])
      const refused = yield* work(refusing, { id: "impl-a03-refused" })
      assert.deepStrictEqual([refused.error?.code, refusing.requests.length], ["api_invalid_request", 1])
    })
  )

  for (const how of ["destroyed", "ended", "halved"] as const) {
    it.effect(`A04: an answer that breaks off (${how}) at any event is no answer: no tool runs, nothing is kept`, () =>
      Effect.gen(function* () {
        const { bell, rung } = makeBell()
        const boundaries = Array.from({ length: 17 }, (_, after) => after)
        const ids = boundaries.map((after) => `impl-a04-${how}-${after}`)
        const fake = yield* faulty(
          Object.fromEntries(boundaries.map((after, n) => [ids[n] ?? "", { type: "cut", after, how }]))
        )
        const sessions = yield* workAll(fake, ids, { tools: [bell] })
        assert.deepStrictEqual(
          sessions.map(({ error, status }) => `${status} ${error?.message}`),
          ids.map(() => "complete undefined")
        )
        // Each rang once, although each was asked to twice.
        assert.deepStrictEqual(rung.toSorted(), ids.toSorted())
        assert.lengthOf(fake.requests, ids.length * 3)
        for (const { turns } of sessions) assert.strictEqual(turns, 6)
      })
    )
  }

  it.effect("A05: an answer that makes no sense is asked for again; what nobody knows is passed over", () =>
    Effect.gen(function* () {
      const { bell, rung } = makeBell()
      const faults: { readonly [id: string]: FakeClaude.Fault } = {
        "impl-a05-first": { type: "malformed", at: 0 },
        "impl-a05-malformed": { type: "malformed", at: 6 },
        "impl-a05-misnumbered": { type: "misnumbered" },
        "impl-a05-twice": { type: "stopped_twice" },
        "impl-a05-unknown": { type: "unknown", at: 3 }
      }
      const fake = yield* faulty(faults)
      const ids = Object.keys(faults)
      const sessions = yield* workAll(fake, ids, { tools: [bell] })
      assert.deepStrictEqual(
        sessions.map(({ status }) => status),
        ids.map(() => "complete")
      )
      assert.deepStrictEqual(rung.toSorted(), ids.toSorted())
      const attempts = (id: string) =>
        fake.requests.filter((each) => each.conversation === id && each.turn === 0).length
      assert.deepStrictEqual(ids.map(attempts), [2, 2, 2, 2, 1])
    })
  )

  it.effect("A05: a piece of ten megabytes is a piece like any other", () =>
    Effect.gen(function* () {
      const fake = yield* talk([{ content: [say("long")], faults: [{ type: "huge", characters: 10_000_000 }] }])
      const api = Api.make({ apiKey: Redacted.make(key), baseUrl: fake.url })
      const body = { model: "m", max_tokens: 1, messages: [{ role: "user", content: "Say much" }] }
      const last = yield* Stream.runLast(api.stream({ body, betas: [] }, "5 seconds"))
      assert.isAbove(JSON.stringify(Option.getOrThrow(last)).length, 10_000_000)
    })
  )

  it.effect("A06: silence before, between and behind the headers ends in time, with the connection closed", () =>
    Effect.gen(function* () {
      const faults: { readonly [id: string]: FakeClaude.Fault } = {
        "impl-a06-before": { type: "silent" },
        "impl-a06-headers": { type: "stalls", after: 0 },
        "impl-a06-within": { type: "stalls", after: 5 },
        "impl-a06-trickle": { type: "trickles", after: 5 }
      }
      const fake = yield* faulty(faults, done)
      const ids = Object.keys(faults)
      const { took, value: sessions } = yield* elapsed(workAll(fake, ids, { silence: "400 millis" }))
      assert.deepStrictEqual(
        sessions.map(({ status }) => status),
        ids.map(() => "complete")
      )
      assert.isBelow(took, 4000)
      for (const { aborted, attempt } of fake.requests) assert.strictEqual(aborted, attempt === 1)
    })
  )

  it.effect("A06: an answer is done when it says so, whatever the connection does afterwards", () =>
    Effect.gen(function* () {
      const fake = yield* talk([{ ...done, faults: [{ type: "held_open" }] }])
      const { took, value } = yield* elapsed(work(fake, { id: "impl-a06-held", silence: "10 seconds" }))
      assert.strictEqual(value.status, "complete")
      assert.isBelow(took, 5000)
    })
  )

  it.effect("A07: what is not the Claude API is told so, and not tried again", () =>
    Effect.gen(function* () {
      const faults = ["html", "null_content", "truncated_json", "wrong_type", "redirect"] as const
      const ids = faults.map((type) => `impl-a07-${type.replace("_", "-")}`)
      const fake = yield* faulty(Object.fromEntries(faults.map((type, n) => [ids[n] ?? "", { type }])), done)
      const sessions = yield* workAll(fake, ids)
      assert.deepStrictEqual(
        sessions.map(({ error }) => error?.code),
        ids.map(() => "api_protocol")
      )
      assert.lengthOf(fake.requests, ids.length)
      for (const { error } of sessions) assert.include(error?.message, "ANTHROPIC_BASE_URL")
    })
  )

  it.effect("A08: a history with a call that has no result is repaired before it is sent, and kept as it was", () =>
    Effect.gen(function* () {
      const { bell, rung } = makeBell()
      const fake = yield* talk([ringing, done, done])
      yield* work(fake, { id: "impl-a08", tools: [bell] })
      const sessions = yield* Sessions.Sessions
      // Somebody loses the results: the journal goes on without them.
      const turns = yield* entries("impl-a08")
      const session = yield* sessions.create({
        orchestrator: "impl-a08b",
        id: "impl-a08b",
        role: "IMPLEMENTER",
        taskType: "test",
        runner: { type: "claude" }
      })
      const open = yield* sessions.open(session.session_id)
      yield* open.update((_, at) => Effect.succeed([{ type: "started", at, run: 1, worker: { kind: "local" } }]))
      for (const { entry, text } of turns) {
        const json = Schema.decodeUnknownSync(Schema.Json)(entry)
        if (JSON.stringify(json).includes("tool_result")) continue
        yield* open.update((_, at) => Effect.succeed([{ type: "turn", at, run: 1, text, entry: json }]))
      }
      yield* open.update((_, at) => Effect.succeed([{ type: "suspended", at, run: 1, reason: "lost" }]))
      const before = yield* entries("impl-a08b")
      const resumed = yield* goOn(fake, "And now?", { id: "impl-a08b", tools: [bell] })
      assert.deepStrictEqual([resumed.status, resumed.error], ["complete", undefined])
      assert.deepStrictEqual(fake.refused(), [])
      assert.include(JSON.stringify(fake.requests.at(-1)?.body.messages), "interrupted")
      assert.deepStrictEqual((yield* entries("impl-a08b")).slice(0, before.length), before)
      assert.lengthOf(rung, 1)
    })
  )

  it.effect("A09: 400, 401, 403 and 413 are not tried again, and say nothing of the key", () =>
    Effect.gen(function* () {
      const expected = {
        400: "api_invalid_request",
        401: "api_unauthorized",
        403: "api_unauthorized",
        413: "api_too_large"
      }
      for (const [status, code] of Object.entries(expected)) {
        const fake = yield* talk([{ ...done, faults: [{ type: "status", status: Number(status) }] }])
        const session = yield* work(fake, { id: `impl-a09-${status}` })
        assert.deepStrictEqual([session.error?.code, fake.requests.length], [code, 1])
        assert.notInclude(JSON.stringify(session), key)
      }
      const fake = yield* talk([done], { apiKey: "another key" })
      const session = yield* work(fake, { id: "impl-a09-key" })
      assert.deepStrictEqual([session.status, session.error?.code], ["blocked", "api_unauthorized"])
    })
  )

  it.effect("A10: an answer that was cut off is asked for again with more room, and its calls are not made", () =>
    Effect.gen(function* () {
      const { bell, rung } = makeBell()
      const cut = { ...ringing, stop: "max_tokens" }
      const fake = yield* talk([({ attempt }) => (attempt < 3 ? cut : done)])
      const session = yield* work(fake, { id: "impl-a10-cut", tools: [bell], maxTokens: 1000 })
      assert.strictEqual(session.status, "complete")
      assert.deepStrictEqual(
        fake.requests.map(({ body }) => body.max_tokens),
        [1000, 2000, 4000]
      )
      assert.lengthOf(rung, 0)
      assert.strictEqual(session.usage?.calls, 3)
      const always = yield* talk([() => cut])
      const failed = yield* work(always, { id: "impl-a10-always", tools: [bell], maxTokens: 50_000 })
      assert.deepStrictEqual([failed.status, failed.error?.code], ["failed", "max_tokens"])
      assert.lengthOf(always.requests, 3)
    })
  )

  it.effect("A10: a refusal, and a reason that nobody knows, are failures that say so", () =>
    Effect.gen(function* () {
      const details = { type: "refusal", category: "cyber", explanation: "It looks like an exploit." }
      const refusing = yield* talk([{ content: [say("I would")], stop: "refusal", details }])
      const refused = yield* work(refusing, { id: "impl-a10-refused" })
      assert.deepStrictEqual([refused.status, refused.error?.code], ["failed", "refusal"])
      assert.include(refused.error?.message, "It looks like an exploit.")
      for (const [id, stop] of [
        ["tea", "tea_time"],
        ["null", null]
      ] as const) {
        const fake = yield* talk([{ ...done, stop }])
        const session = yield* work(fake, { id: `impl-a10-${id}` })
        assert.deepStrictEqual([session.status, session.error?.code], ["failed", "unknown_stop"])
      }
    })
  )

  it.effect("A10: a paused answer is given back and goes on", () =>
    Effect.gen(function* () {
      const fake = yield* talk([{ content: [say("Searching the web …")], stop: "pause_turn" }, done])
      const session = yield* work(fake, { id: "impl-a10-paused" })
      assert.strictEqual(session.status, "complete")
      assert.strictEqual(fake.requests[1]?.body.messages.at(-1)?.role, "assistant")
      assert.deepStrictEqual(fake.refused(), [])
    })
  )

  it.effect("A10: an answer in which the API compacts the conversation is given back and goes on", () =>
    Effect.gen(function* () {
      const block = { type: "compaction", content: "Much was said", encrypted_content: null }
      const fake = yield* talk([{ content: [block], stop: "compaction" }, done])
      const edits = [{ type: "compact_20260112", pause_after_compaction: true }]
      const session = yield* work(fake, { id: "impl-a10-compacts", context: { edits } })
      assert.deepStrictEqual([session.status, session.error], ["complete", undefined])
      assert.include(JSON.stringify(fake.requests[1]?.body.messages), "Much was said")
      assert.include(fake.requests[1]?.headers["anthropic-beta"], "compact-2026-01-12")
      assert.deepStrictEqual(fake.refused(), [])
    })
  )

  it.effect("A10: where the model's window is too small, less is sent", () =>
    Effect.gen(function* () {
      const { bell } = makeBell()
      const full: FakeClaude.Turn = { content: [say("I w")], stop: "model_context_window_exceeded" }
      const ring = (n: number) => ({ content: [say(`Ring ${n} ${"and".repeat(300)}`), call("bell", { times: n })] })
      const fake = yield* talk([ring(0), ring(1), ring(2), ({ attempt }) => (attempt === 1 ? full : done)])
      const session = yield* work(fake, { id: "impl-a10-full", tools: [bell] })
      assert.strictEqual(session.status, "complete")
      const sizes = fake.requests.map(({ body }) => JSON.stringify(body.messages).length)
      assert.isBelow(sizes[4] ?? 0, (sizes[3] ?? 0) * 0.6)
      const hopeless = yield* talk([() => full])
      const failed = yield* work(hopeless, { id: "impl-a10-hopeless" })
      assert.strictEqual(failed.error?.code, "context_too_large")
    })
  )

  for (const [name, fault] of [
    ["mid-stream", { type: "trickles", after: 5 }],
    ["before the headers", { type: "silent" }],
    ["in a back-off", { type: "status", status: 503 }]
  ] as const) {
    it.effect(`A11: giving up ${name} takes no time, and nothing happens afterwards`, () =>
      Effect.gen(function* () {
        const { bell, rung } = makeBell()
        const fake = yield* talk([{ ...ringing, faults: [fault, fault, fault] }])
        const retry = { first: "30 seconds" } as const
        const id = `impl-a11-${name.replaceAll(" ", "-")}`
        const fiber = yield* Effect.forkChild(work(fake, { id, tools: [bell], silence: "30 seconds", retry }))
        while (fake.requests.length === 0) yield* Effect.sleep("10 millis")
        yield* Effect.sleep("100 millis")
        const { took } = yield* elapsed(Fiber.interrupt(fiber))
        // A few milliseconds where nothing else runs; what it would wait for is thirty seconds away.
        assert.isBelow(took, 5000)
        yield* Effect.sleep("200 millis")
        assert.lengthOf(fake.requests, 1)
        assert.lengthOf(rung, 0)
        const session = yield* (yield* Sessions.Sessions).get(id)
        assert.strictEqual(session.status, "suspended")
      })
    )
  }
})

describe("retry-after", () => {
  const now = DateTime.makeUnsafe("2026-11-22T12:00:00Z")
  const read = (header: string | null) => Option.getOrUndefined(parseRetryAfter(header, now))
  for (const [header, expected] of [
    ["1", 1000],
    ["3600", 3_600_000],
    ["Sun, 22 Nov 2026 12:00:30 GMT", 30_000],
    ["Sun, 22 Nov 2026 11:00:00 GMT", 0],
    ["-5", undefined],
    ["abc", undefined],
    ["1e9", undefined],
    ["", undefined],
    [null, undefined]
  ] as const) {
    it(`A02: ${JSON.stringify(header)} is ${expected ?? "as if it were not there"}`, () => {
      assert.strictEqual(read(header), expected)
    })
  }
})
