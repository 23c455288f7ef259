/** A process of its own, that sends or takes when it is told to. */
import type { Command, Reply } from "./children.ts"
import type { Driver, Name } from "./driver.ts"
import { micros } from "./measure.ts"
import { makeCount, makeSender } from "./message.ts"

const [name = "", directory = ""] = process.argv.slice(2)

const open: { readonly [name in Name]: () => Promise<Driver> } = {
  raw: async () => (await import("./rawDriver.ts")).raw(directory),
  rawfile: async () => (await import("./rawDriver.ts")).log(directory, false),
  rawfair: async () => (await import("./rawDriver.ts")).log(directory, true),
  sqlite: async () => (await import("./sqliteDriver.ts")).make(directory),
  sartor: async () => {
    const [{ FileTransport }, { make }] = await Promise.all([
      import("@sartor/transport-file"),
      import("./sartorDriver.ts")
    ])
    return make(FileTransport.layer({ directory }))
  },
  // For these two the directory is the address of a server.
  rawnats: async () => (await import("./natsDriver.ts")).make(directory),
  nats: async () => {
    const [{ NatsTransport }, { make }] = await Promise.all([
      import("@sartor/transport-nats"),
      import("./sartorDriver.ts")
    ])
    return make(NatsTransport.layer({ url: directory }))
  }
}

const driver = await open[name as Name]()
const count = makeCount()
let delivered: Array<number> = []
const sender = makeSender(micros)
let acknowledged = 0
let awaited = { total: Number.POSITIVE_INFINITY, reached: () => {} }

const messages = ({ count, producer }: { readonly count: number; readonly producer: number }) => ({
  count,
  next: () => sender.next(producer),
  acknowledged: sender.acknowledged
})

const obey = async (command: Command): Promise<Reply> => {
  const began = micros()
  switch (command.type) {
    case "lone":
      return { latencies: await driver.lone(messages(command), command.gap), began, ended: micros() }
    case "many":
      await driver.many(messages(command), command.window)
      return { latencies: [], began, ended: micros() }
    case "consume":
      driver.consume(
        command.parallel,
        (message) => {
          delivered.push(micros() - message.sent)
          count.add(message)
        },
        () => {
          acknowledged += 1
          if (acknowledged >= awaited.total) awaited.reached()
        }
      )
      return { latencies: [], began, ended: micros() }
    case "await": {
      if (acknowledged < command.total) {
        const reached = new Promise<void>((resolve) => (awaited = { total: command.total, reached: resolve }))
        const late = new Promise<void>((resolve) => setTimeout(resolve, 60_000).unref())
        await Promise.race([reached, late])
      }
      await driver.settled()
      const latencies = delivered
      delivered = []
      return { latencies, began, ended: micros(), wrong: count.wrong(command.total) }
    }
    case "close":
      await driver.close()
      process.exit(0)
  }
}

process.on("message", (command: Command) => {
  void obey(command).then((reply) => process.send?.(reply))
})
// Whoever told it what to do is gone.
process.on("disconnect", () => process.exit(1))
process.send?.("ready")
