import { Effect, Exit, Scope } from "effect"
import * as NatsServer from "../../packages/transport-nats/test/support/NatsServer.ts"
import { startPair, startSender } from "./children.ts"
import { median, percentile, progress, ratio, round, rounded, times } from "./measure.ts"
import { type Options, type Row, wrongs } from "./Row.ts"

const names = ["rawnats", "nats"] as const
type Figures = { readonly [name in (typeof names)[number]]: Array<number> }
const figures = (): Figures => ({ rawnats: [], nats: [] })

/** N1: our queue on NATS beside the client by itself, each on a server of its own. */
export const nats = async ({ rounds, scale }: Options): Promise<Row> => {
  const scope = Effect.runSync(Scope.make())
  const url = async () => (await Effect.runPromise(Scope.provide(NatsServer.make(), scope))).url
  const lone = figures()
  const pipelined = figures()
  const whole = figures()
  const delivery = figures()
  const wrong = { lost: 0, duplicated: 0, outOfOrder: 0 }

  const senders = { rawnats: await startSender("rawnats", await url()), nats: await startSender("nats", await url()) }
  for (const number of times(rounds, (index) => index + 1)) {
    progress(`  sends, round ${number} of ${rounds}`)
    for (const name of names) {
      const alone = await senders[name].tell({ type: "lone", producer: 0, count: Math.round(1_000 * scale), gap: 0 })
      lone[name].push(median(alone.latencies))
      const count = Math.round(10_000 * scale)
      const { began, ended } = await senders[name].tell({ type: "many", producer: 0, count, window: 100 })
      pipelined[name].push((count / (ended - began)) * 1_000_000)
    }
  }
  for (const name of names) await senders[name].close()

  const busy = { rawnats: await startPair("rawnats", await url(), 1), nats: await startPair("nats", await url(), 100) }
  const idle = { rawnats: await startPair("rawnats", await url(), 1), nats: await startPair("nats", await url(), 1) }
  for (const number of times(rounds, (index) => index + 1)) {
    progress(`  deliveries, round ${number} of ${rounds}`)
    for (const name of names) {
      const count = Math.round(5_000 * scale)
      const sent = await busy[name].send(count, { window: 100 })
      whole[name].push((count / sent.elapsed) * 1_000_000)
      const paced = await idle[name].send(Math.round(200 * scale), { gap: 10 })
      delivery[name].push(percentile(paced.deliveries, 0.5))
      if (name === "rawnats") continue
      for (const { wrong: each } of [sent, paced]) {
        wrong.lost += each.lost
        wrong.duplicated += each.duplicated
        wrong.outOfOrder += each.outOfOrder
      }
    }
  }
  for (const name of names) await Promise.all([busy[name].close(), idle[name].close()])
  await Effect.runPromise(Scope.close(scope, Exit.void))

  const of = ({ nats, rawnats }: Figures) => ratio(nats, rawnats)
  const reached = { lone: of(lone), pipelined: of(pipelined), whole: of(whole), delivery: of(delivery) }
  return {
    id: "N1",
    what: "NATS against the client by itself: publish p50, pipelined, end to end, idle delivery p50",
    goal: "<= 1.15 x, >= 85%, >= 85%, <= 1.25 x",
    value: `${round(reached.lone)} x, ${round(reached.pipelined * 100)}%, ${round(reached.whole * 100)}%, ${round(reached.delivery)} x`,
    met: reached.lone <= 1.15 && reached.pipelined >= 0.85 && reached.whole >= 0.85 && reached.delivery <= 1.25,
    ...wrongs(wrong),
    raw: rounded({
      sartor_publish_us: median(lone.nats),
      raw_publish_us: median(lone.rawnats),
      sartor_pipelined_per_s: median(pipelined.nats),
      raw_pipelined_per_s: median(pipelined.rawnats),
      sartor_whole_per_s: median(whole.nats),
      raw_whole_per_s: median(whole.rawnats),
      sartor_delivery_us: median(delivery.nats),
      raw_delivery_us: median(delivery.rawnats)
    })
  }
}
