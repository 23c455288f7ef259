import { type Child, startSender, warmUp } from "./children.ts"
import type { Name } from "./driver.ts"
import { median, percentile, progress, ratio, round, rounded, temporary, times } from "./measure.ts"
import type { Options, Row } from "./Row.ts"

/** Measures every driver in each round, one after the other. Answers the figures of each, by round. */
const interleaved = async (
  names: ReadonlyArray<Name>,
  { rounds }: Options,
  measure: (child: Child, name: Name) => Promise<number>
) => {
  const children = new Map<Name, Child>()
  for (const name of names) children.set(name, await startSender(name, temporary()))
  const figures = new Map<Name, Array<number>>(names.map((name) => [name, []]))
  for (const number of times(rounds, (index) => index + 1)) {
    progress(`  round ${number} of ${rounds}`)
    for (const [name, child] of children) figures.get(name)?.push(await measure(child, name))
  }
  for (const child of children.values()) await child.close()
  return (name: Name) => figures.get(name) ?? []
}

/** W1: one send at a time, until it survives a power loss. */
export const loneSend = async (options: Options): Promise<Row> => {
  const count = Math.round(500 * options.scale)
  const of = await interleaved(["raw", "rawfair", "sqlite", "sartor"], options, async (child) => {
    return median((await child.tell({ type: "lone", producer: 0, count, gap: 0 })).latencies)
  })
  const reached = ratio(of("sartor"), of("raw"))
  return {
    id: "W1",
    what: "file: a lone send until it is durable, p50, against append + fdatasync",
    goal: "<= 1.5 x",
    value: `${round(reached)} x`,
    met: reached <= 1.5,
    raw: rounded({
      sartor_us: median(of("sartor")),
      raw_us: median(of("raw")),
      rawfair_us: median(of("rawfair")),
      sqlite_us: median(of("sqlite"))
    })
  }
}

/** W2: 100 sends unacknowledged at once. */
export const pipelinedSends = async (options: Options): Promise<Row> => {
  const of = await interleaved(["rawfile", "rawfair", "sqlite", "sartor"], options, async (child, name) => {
    // The table flushes once a message, and takes that much longer.
    const count = Math.round((name === "sqlite" ? 500 : 5_000) * options.scale)
    const { began, ended } = await child.tell({ type: "many", producer: 0, count, window: 100 })
    return (count / (ended - began)) * 1_000_000
  })
  const [fair, bare] = [ratio(of("sartor"), of("rawfair")), ratio(of("sartor"), of("rawfile"))]
  return {
    id: "W2",
    what: "file: sends a second, 100 at once, against plain Node with JSON and checksum, and against the bare log",
    goal: ">= 85% and >= 45%",
    value: `${round(fair * 100)}% and ${round(bare * 100)}%`,
    met: fair >= 0.85 && bare >= 0.45,
    raw: rounded({
      sartor_per_s: median(of("sartor")),
      rawfair_per_s: median(of("rawfair")),
      rawfile_per_s: median(of("rawfile")),
      sqlite_per_s: median(of("sqlite"))
    })
  }
}

/** W7: five processes that send one at a time into one queue, against one process alone. */
export const producers = async (options: Options): Promise<Row> => {
  const count = Math.round(400 * options.scale)
  const directory = temporary()
  const children: Array<Child> = []
  for (const producer of times(5, (index) => index)) {
    children.push(await startSender("sartor", directory, { producer }))
  }
  // By itself: no other process reads along.
  const single = await startSender("sartor", temporary(), { producer: 5 })
  const rate = async (senders: ReadonlyArray<Child>) => {
    const replies = await Promise.all(
      senders.map((child) => child.tell({ type: "lone", producer: (children.indexOf(child) + 6) % 6, count, gap: 0 }))
    )
    const began = Math.min(...replies.map((reply) => reply.began))
    const ended = Math.max(...replies.map((reply) => reply.ended))
    const latencies = replies.flatMap((reply) => reply.latencies)
    return { rate: ((senders.length * count) / (ended - began)) * 1_000_000, latencies }
  }
  const [alone, together, p50, p99]: ReadonlyArray<Array<number>> = [[], [], [], []]
  for (const number of times(options.rounds, (index) => index + 1)) {
    progress(`  round ${number} of ${options.rounds}`)
    alone?.push((await rate([single])).rate)
    const five = await rate(children)
    together?.push(five.rate)
    p50?.push(median(five.latencies))
    p99?.push(percentile(five.latencies, 0.99))
  }
  for (const child of [single, ...children]) await child.close()
  const sent = 5 * (warmUp + options.rounds * count)
  const { look } = await import("./backlog.ts")
  const { ready, warnings } = await look(directory)
  const gain = ratio(together ?? [], alone ?? [])
  const spread = ratio(p99 ?? [], p50 ?? [])
  return {
    id: "W7",
    what: "file: sends a second of 5 processes into one queue, against one process; p99 / p50 of the five",
    goal: ">= 1.2 x and <= 8 x, no torn record",
    value: `${round(gain)} x and ${round(spread)} x`,
    met: gain >= 1.2 && spread <= 8,
    ...(ready === sent && warnings === 0 ? {} : { failed: `${sent - ready} lost, ${warnings} warnings of torn lines` }),
    raw: rounded({
      five_per_s: median(together ?? []),
      one_per_s: median(alone ?? []),
      five_p50_us: median(p50 ?? []),
      five_p99_us: median(p99 ?? [])
    })
  }
}
