import { spawnSync } from "node:child_process"
import { writeFileSync } from "node:fs"
import { join } from "node:path"
import { type Pair, type Sent, startPair, startSender } from "./children.ts"
import type { Name } from "./driver.ts"
import { median, percentile, progress, ratio, round, rounded, temporary, times } from "./measure.ts"
import { type Options, type Row, type Wrong, wrongs } from "./Row.ts"

const worst = (sent: ReadonlyArray<Sent>): Wrong => {
  const most = (field: keyof Wrong) => Math.max(...sent.map(({ wrong }) => wrong[field]))
  return { lost: most("lost"), duplicated: most("duplicated"), outOfOrder: most("outOfOrder") }
}

const interleaved = async (
  drivers: ReadonlyArray<readonly [name: Name, parallel: number]>,
  rounds: number,
  measure: (pair: Pair) => Promise<Sent>,
  env: NodeJS.ProcessEnv = {}
) => {
  const pairs = new Map<Name, Pair>()
  for (const [name, parallel] of drivers) pairs.set(name, await startPair(name, temporary(), parallel, env))
  const results = new Map<Name, Array<Sent>>(drivers.map(([name]) => [name, []]))
  for (const number of times(rounds, (index) => index + 1)) {
    progress(`  round ${number} of ${rounds}`)
    for (const [name, pair] of pairs) results.get(name)?.push(await measure(pair))
  }
  for (const pair of pairs.values()) await pair.close()
  return (name: Name) => results.get(name) ?? []
}

const rates = (sent: ReadonlyArray<Sent>, count: number) => sent.map(({ elapsed }) => (count / elapsed) * 1_000_000)

/** W3: sent by one process, delivered to another, acknowledged. */
export const endToEnd = async (options: Options): Promise<Row> => {
  const count = Math.round(5_000 * options.scale)
  const of = await interleaved(
    [
      ["rawfile", 1],
      ["rawfair", 1],
      ["sqlite", 100],
      ["sartor", 1]
    ],
    options.rounds,
    (pair) => pair.send(count, { window: 100 })
  )
  const rate = (name: Name) => rates(of(name), count)
  const [fair, bare] = [ratio(rate("sartor"), rate("rawfair")), ratio(rate("sartor"), rate("rawfile"))]
  return {
    id: "W3",
    what: "file: messages a second, 100 at once, sent, delivered to another process and acknowledged",
    goal: ">= 75% of plain Node with JSON and checksum, >= 45% of the bare log",
    value: `${round(fair * 100)}% and ${round(bare * 100)}%`,
    met: fair >= 0.75 && bare >= 0.45,
    ...wrongs(worst(of("sartor"))),
    raw: rounded({
      sartor_per_s: median(rate("sartor")),
      rawfair_per_s: median(rate("rawfair")),
      rawfile_per_s: median(rate("rawfile")),
      sqlite_per_s: median(rate("sqlite"))
    })
  }
}

/** W4: one message every 10 ms to a process that waits. */
export const idleDelivery = async (options: Options): Promise<Row> => {
  const count = Math.round(100 * options.scale)
  const of = await interleaved(
    [
      ["rawfair", 1],
      ["sqlite", 100],
      ["sartor", 1]
    ],
    options.rounds,
    (pair) => pair.send(count, { gap: 10 })
  )
  const p = (name: Name, share: number) => of(name).map(({ deliveries }) => percentile(deliveries, share))
  const [p50, p99] = [ratio(p("sartor", 0.5), p("rawfair", 0.5)), ratio(p("sartor", 0.99), p("rawfair", 0.99))]
  return {
    id: "W4",
    what: "file: from sending to the handler in another process that waits, p50 and p99, against plain Node",
    goal: "<= 2.7 x and <= 5 x (in place of the servers' figures)",
    value: `${round(p50)} x and ${round(p99)} x`,
    met: p50 <= 2.7 && p99 <= 5,
    ...wrongs(worst(of("sartor"))),
    raw: rounded({
      sartor_p50_us: median(p("sartor", 0.5)),
      rawfair_p50_us: median(p("rawfair", 0.5)),
      sqlite_p50_us: median(p("sqlite", 0.5)),
      sartor_p99_us: median(p("sartor", 0.99)),
      rawfair_p99_us: median(p("rawfair", 0.99)),
      sqlite_p99_us: median(p("sqlite", 0.99))
    })
  }
}

/** A library that makes every flush take a millisecond longer, as on an ordinary disk. */
const slowFlush = `
#define _GNU_SOURCE
#include <dlfcn.h>
#include <unistd.h>
static int later(const char *name, int file) {
  int (*real)(int) = (int (*)(int)) dlsym(RTLD_NEXT, name);
  usleep(1000);
  return real(file);
}
int fsync(int file) { return later("fsync", file); }
int fdatasync(int file) { return later("fdatasync", file); }
`

const compiled = (): string | undefined => {
  const folder = temporary()
  const source = join(folder, "slow.c")
  const library = join(folder, "slow.so")
  writeFileSync(source, slowFlush)
  for (const compiler of ["cc", "gcc", "clang"]) {
    const { status } = spawnSync(compiler, ["-shared", "-fPIC", "-O2", "-o", library, source, "-ldl"])
    if (status === 0) return library
  }
  return undefined
}

/** W6: the same, where every flush takes a millisecond more. */
export const slowDevice = async (options: Options): Promise<Row> => {
  const library = process.platform === "linux" ? compiled() : undefined
  const row = {
    id: "W6",
    what: "file, every flush 1 ms slower: a lone send against one flush; end to end against plain Node",
    goal: "<= 1.05 x and >= 70% (in place of BullMQ's figure)"
  }
  if (library === undefined) return { ...row, value: "-", met: false, notRun: "needs a C compiler on Linux", raw: {} }
  const env = { LD_PRELOAD: library }
  const senders = {
    raw: await startSender("rawfair", temporary(), { env }),
    one: await startSender("raw", temporary(), { env }),
    sartor: await startSender("sartor", temporary(), { env })
  }
  const p50 = { raw: new Array<number>(), one: new Array<number>(), sartor: new Array<number>() }
  for (const number of times(options.rounds, (index) => index + 1)) {
    progress(`  lone sends, round ${number} of ${options.rounds}`)
    for (const name of ["one", "raw", "sartor"] as const) {
      const { latencies } = await senders[name].tell({ type: "lone", producer: 0, count: 200, gap: 0 })
      p50[name].push(median(latencies))
    }
  }
  for (const sender of Object.values(senders)) await sender.close()
  const count = Math.round(3_000 * options.scale)
  const of = await interleaved(
    [
      ["rawfair", 1],
      ["sartor", 1]
    ],
    options.rounds,
    (pair) => pair.send(count, { window: 100 }),
    env
  )
  const rate = (name: Name) => rates(of(name), count)
  const [lone, whole] = [ratio(p50.sartor, p50.one), ratio(rate("sartor"), rate("rawfair"))]
  return {
    ...row,
    value: `${round(lone)} x and ${round(whole * 100)}%`,
    met: lone <= 1.05 && whole >= 0.7,
    ...wrongs(worst(of("sartor"))),
    raw: rounded({
      sartor_us: median(p50.sartor),
      raw_us: median(p50.one),
      rawfair_us: median(p50.raw),
      sartor_per_s: median(rate("sartor")),
      rawfair_per_s: median(rate("rawfair"))
    })
  }
}
