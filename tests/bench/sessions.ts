import { closeSync, fdatasyncSync, openSync, readFileSync, statSync, writeFileSync, writeSync } from "node:fs"
import { join } from "node:path"
import { Outbox, type Session, Sessions, Transport } from "@sartor/core"
import { FileTransport } from "@sartor/transport-file"
import { Effect, ManagedRuntime } from "effect"
import { makeCounter } from "./flushes.ts"
import { median, micros, percentile, progress, ratio, round, rounded, temporary, times } from "./measure.ts"
import type { Options, Row } from "./Row.ts"

const open = (directory: string) => ManagedRuntime.make(Transport.services(FileTransport.layer({ directory })))
type Runtime = ReturnType<typeof open>

const role = "auditor"
const create = (taskType: string) =>
  Effect.flatMap(Sessions.Sessions, (sessions) => sessions.create({ role, taskType, prompt: "Audit" }))

const text = (length: number) => "The agent looked at a file and said what it found in it. ".repeat(40).slice(0, length)

const turn = (length: number, at: string): Session.Record => ({ type: "turn", at, run: 1, text: text(length) })

/** A session that runs and whose turns take about so many bytes, of 2 KB each. */
const running = Effect.fnUntraced(function* (taskType: string, bytes: number) {
  const sessions = yield* Sessions.Sessions
  const { session_id } = yield* create(taskType)
  const session = yield* sessions.open(session_id)
  yield* session.update((_, at) =>
    Effect.succeed([{ type: "started", at, run: 1, worker: { kind: "external" } } satisfies Session.Record])
  )
  const turns = Math.round(bytes / 2_000)
  for (let done = 0; done < turns; done += 100) {
    yield* session.update((_, at) => Effect.succeed(times(Math.min(100, turns - done), () => turn(2_000, at))))
  }
  return { session, id: session_id }
})

/** A raw append of so many bytes, with its fdatasync. */
const makeRaw = (length: number) => {
  const file = openSync(join(temporary(), "raw.log"), "a")
  const line = `${text(length)}\n`
  return {
    append: () => {
      const began = micros()
      writeSync(file, line)
      fdatasyncSync(file)
      return micros() - began
    },
    close: () => closeSync(file)
  }
}

const timed = <A, E, R>(runtime: ManagedRuntime.ManagedRuntime<R, unknown>, effect: Effect.Effect<A, E, R>) => {
  const began = micros()
  return runtime.runPromise(effect).then(() => micros() - began)
}

/** S1: one turn of 2 KB, on a small and on a large session. */
export const commitTurn = async (options: Options): Promise<Row> => {
  const runtime = open(temporary())
  progress("  making sessions of 100 KB and 10 MB")
  const small = await runtime.runPromise(running("small", 100_000))
  const large = await runtime.runPromise(running("large", 10_000_000))
  const raw = makeRaw(2_000)
  const commit = ({ session }: typeof small) =>
    Effect.gen(function* () {
      const latencies: Array<number> = []
      for (const _ of times(20, () => 0)) {
        const began = micros()
        yield* session.update((_, at) => Effect.succeed([turn(2_000, at)]))
        latencies.push(micros() - began)
      }
      return latencies
    })
  await runtime.runPromise(Effect.repeat(Effect.andThen(commit(small), commit(large)), { times: 20 }))
  const p50 = { raw: new Array<number>(), small: new Array<number>(), large: new Array<number>() }
  for (const number of times(options.rounds, (index) => index + 1)) {
    progress(`  round ${number} of ${options.rounds}`)
    const latencies = { raw: new Array<number>(), small: new Array<number>(), large: new Array<number>() }
    for (const _ of times(15, () => 0)) {
      latencies.raw.push(...times(20, () => raw.append()))
      latencies.small.push(...(await runtime.runPromise(commit(small))))
      latencies.large.push(...(await runtime.runPromise(commit(large))))
    }
    for (const name of ["raw", "small", "large"] as const) p50[name].push(median(latencies[name]))
  }
  raw.close()
  await runtime.dispose()
  const [cost, growth] = [ratio(p50.small, p50.raw), ratio(p50.large, p50.small)]
  return {
    id: "S1",
    what: "session: commit a turn of 2 KB at 100 KB, against append + fdatasync; at 10 MB, against 100 KB",
    goal: "<= 2 x and <= 1.1 x",
    value: `${round(cost)} x and ${round(growth)} x`,
    met: cost <= 2 && growth <= 1.1,
    raw: rounded({ small_us: median(p50.small), large_us: median(p50.large), raw_us: median(p50.raw) })
  }
}

/** S2: read a session of 100 KB that this process has not seen yet, each turn committed by itself. */
export const resume = async (options: Options): Promise<Row> => {
  const directory = temporary()
  const count = options.rounds * Math.max(20, Math.round(100 * options.scale))
  progress(`  making ${count} sessions of 100 KB`)
  const writer = open(directory)
  const made = await writer.runPromise(
    Effect.forEach(
      times(count, String),
      Effect.fnUntraced(function* () {
        const { id, session } = yield* running("resume", 0)
        for (const _ of times(50, () => 0)) yield* session.update((_, at) => Effect.succeed([turn(2_000, at)]))
        return id
      }),
      { concurrency: 32 }
    )
  )
  await writer.dispose()
  const turns = times(50, () => turn(2_000, "2026-01-31T12:00:00.000Z"))
  const files = made.map((id) => {
    const file = join(directory, `${id}.json`)
    writeFileSync(file, JSON.stringify({ session_id: id, turns }))
    return { id, file }
  })
  const parse = (file: string) => {
    const began = micros()
    JSON.parse(readFileSync(file, "utf8"))
    return micros() - began
  }
  const runtime = open(directory)
  const read = (id: string) => Effect.flatMap(Sessions.Sessions, (sessions) => sessions.open(id))
  const p50 = { session: new Array<number>(), json: new Array<number>(), again: new Array<number>() }
  const share = count / options.rounds
  for (const number of times(options.rounds, (index) => index)) {
    progress(`  round ${number + 1} of ${options.rounds}`)
    const [session, json, again] = [new Array<number>(), new Array<number>(), new Array<number>()]
    for (const { file, id } of files.slice(number * share, (number + 1) * share)) {
      json.push(parse(file))
      session.push(await timed(runtime, read(id)))
      again.push(await timed(runtime, read(id)))
    }
    p50.session.push(median(session))
    p50.json.push(median(json))
    p50.again.push(median(again))
  }
  await runtime.dispose()
  const reached = ratio(p50.session, p50.json)
  return {
    id: "S2",
    what: "session: resume 100 KB (50 turns) that a process which is up has not read yet, against reading and parsing one JSON file",
    goal: "<= 1.6 x",
    value: `${round(reached)} x`,
    met: reached <= 1.6,
    raw: rounded({ session_us: median(p50.session), json_us: median(p50.json), again_us: median(p50.again) })
  }
}

const journalFile = (directory: string, id: string) => join(directory, "sartor/default/journals/session", `${id}.log`)

/** S3: what 1,000 versions of a conversation take on disk. */
export const history = async (): Promise<Row> => {
  const directory = temporary()
  const runtime = open(directory)
  const { id, session } = await runtime.runPromise(running("history", 100_000))
  const size = () => statSync(journalFile(directory, id)).size
  const measure = async (length: number) => {
    const before = size()
    const one = session.update((_, at) => Effect.succeed([turn(length, at)]))
    await runtime.runPromise(Effect.repeat(one, { times: 999 }))
    return (size() - before) / 1_000
  }
  progress("  1,000 versions with turns of 2 KB, and 1,000 of 1 KB")
  const [large, small] = [await measure(2_000), await measure(1_000)]
  await runtime.dispose()
  const turnBytes = (length: number) => JSON.stringify(turn(length, "2026-01-31T12:00:00.000Z")).length
  const reached = large / turnBytes(2_000)
  return {
    id: "S3",
    what: "session: bytes on disk of 1,000 versions, against the turns of 2 KB themselves",
    goal: "<= 1.1 x",
    value: `${round(reached)} x`,
    met: reached <= 1.1,
    raw: rounded({
      bytes_a_version: large,
      turn_bytes: turnBytes(2_000),
      with_1_KB_turns: small / turnBytes(1_000),
      overhead_bytes: large - turnBytes(2_000)
    })
  }
}

/** S4: 10,000 sessions. */
export const many = async (options: Options): Promise<Row> => {
  const count = Math.round(10_000 * options.scale)
  const [few, full] = [temporary(), temporary()]
  const fill = async (directory: string, count: number) => {
    const runtime = open(directory)
    const created = Effect.forEach(
      times(count, (index) => `task-${index % 10}`),
      create,
      { concurrency: 100 }
    )
    const ids = await runtime.runPromise(Effect.map(created, (all) => all.map((session) => session.session_id)))
    await runtime.dispose()
    return ids
  }
  progress(`  creating 100 and ${count} sessions`)
  const ids = { few: await fill(few, 100), full: await fill(full, count) }
  const list = Effect.flatMap(Sessions.Sessions, (sessions) => sessions.list())
  const find = (id: string) => Effect.flatMap(Sessions.Sessions, (sessions) => sessions.get(id))
  const figures = {
    first: new Array<number>(),
    again: new Array<number>(),
    few: new Array<number>(),
    full: new Array<number>()
  }
  let lost = 0
  const listing = async () => {
    const fresh = open(full)
    const began = micros()
    lost = Math.max(lost, count - (await fresh.runPromise(list)).length)
    const first = (micros() - began) / 1000
    const again = (await timed(fresh, list)) / 1000
    await fresh.dispose()
    return { first, again }
  }
  progress("  the first list of all")
  const { first: unnoted } = await listing()
  for (const number of times(options.rounds, (index) => index + 1)) {
    progress(`  round ${number} of ${options.rounds}`)
    const runtime: Runtime = open(full)
    const small: Runtime = open(few)
    const [inFew, inFull]: [Array<number>, Array<number>] = [[], []]
    for (const index of times(100, (index) => index)) {
      inFew.push(await timed(small, find(ids.few[index] ?? "")))
      inFull.push(await timed(runtime, find(ids.full[(index * 97 + number) % count] ?? "")))
    }
    figures.few.push(median(inFew))
    figures.full.push(median(inFull))
    await runtime.dispose()
    await small.dispose()
    const { again, first } = await listing()
    figures.first.push(first)
    figures.again.push(again)
  }
  const [first, found] = [median(figures.first), ratio(figures.full, figures.few)]
  return {
    id: "S4",
    what: `session: list ${count} that this process has not seen yet, and another one has; find one of them, against one of 100`,
    goal: "< 300 ms and <= 1.25 x",
    value: `${round(first)} ms and ${round(found)} x`,
    met: first < 300 && found <= 1.25,
    ...(lost === 0 ? {} : { failed: `${lost} sessions were not listed` }),
    raw: rounded({
      list_first_ms: first,
      list_again_ms: median(figures.again),
      list_nobody_has_seen_ms: unnoted,
      find_us: median(figures.full),
      find_among_100_us: median(figures.few)
    })
  }
}

/** W9: a wake as an agent sends it: committed in the journal of its session, then offered to its orchestrator. */
export const wakeSend = async (options: Options): Promise<Row> => {
  const runtime = open(temporary())
  const raw = makeRaw(1_000)
  const count = 100
  const flushes = makeCounter()
  const send = (sessionId: string) =>
    Effect.gen(function* () {
      const before = flushes?.() ?? Number.NaN
      const began = micros()
      yield* Outbox.send({ sessionId, status: "complete", summary: text(800) })
      const latency = micros() - began
      return { latency, flushed: (flushes?.() ?? Number.NaN) - before }
    })
  const sent = Effect.gen(function* () {
    const sessions = yield* Effect.forEach(
      times(count, () => "wake"),
      create,
      { concurrency: 20 }
    )
    return yield* Effect.forEach(sessions, ({ session_id }) => send(session_id))
  })
  progress("  warming up")
  await runtime.runPromise(Effect.repeat(sent, { times: Math.max(1, Math.round(20 * options.scale)) }))
  const p50 = { wake: new Array<number>(), raw: new Array<number>(), p99: new Array<number>() }
  let fewest = Number.POSITIVE_INFINITY
  for (const number of times(options.rounds, (index) => index + 1)) {
    progress(`  round ${number} of ${options.rounds}`)
    p50.raw.push(median(times(count, () => raw.append())))
    const all = await runtime.runPromise(sent)
    const latencies = all.map(({ latency }) => latency)
    p50.wake.push(median(latencies))
    p50.p99.push(percentile(latencies, 0.99))
    fewest = Math.min(fewest, all.reduce((sum, { flushed }) => sum + flushed, 0) / count)
  }
  raw.close()
  await runtime.dispose()
  const reached = ratio(p50.wake, p50.raw)
  return {
    id: "W9",
    what: "wake: committed in its session and offered, until both are durable, p50, against append + fdatasync",
    goal: "<= 3 x, 2 flushes",
    value: `${round(reached)} x, ${Number.isNaN(fewest) ? "flushes not measurable" : `${round(fewest)} flushes`}`,
    met: reached <= 3 && (Number.isNaN(fewest) || Math.round(fewest) <= 2),
    raw: rounded({ wake_us: median(p50.wake), wake_p99_us: median(p50.p99), raw_us: median(p50.raw) })
  }
}
