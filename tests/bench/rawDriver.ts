/** The baselines in plain Node: what the machine can do, without Effect, schemas, leases or claims. */
import { closeSync, constants, fdatasync, fdatasyncSync, openSync, readSync, watch, writeSync } from "node:fs"
import { join } from "node:path"
import { crc32 } from "node:zlib"
import type { Driver } from "./driver.ts"
import { micros } from "./measure.ts"
import { type Message, numberOf } from "./message.ts"

const open = (directory: string, name: string) =>
  openSync(join(directory, name), constants.O_RDWR | constants.O_APPEND | constants.O_CREAT)

/** Appends and calls fdatasync, one message after the other, nothing else. */
export const raw = (directory: string): Driver => {
  const file = open(directory, "raw.log")
  const send = (text: string) => {
    writeSync(file, `${text}\n`)
    fdatasyncSync(file)
  }
  return {
    lone: async ({ acknowledged, count, next }, gap) => {
      const latencies: Array<number> = []
      for (let index = 0; index < count; index++) {
        if (gap > 0) await new Promise((resolve) => setTimeout(resolve, gap))
        const text = next()
        const began = micros()
        send(text)
        latencies.push(micros() - began)
        acknowledged(numberOf(text))
      }
      return latencies
    },
    many: async ({ acknowledged, count, next }) => {
      for (let index = 0; index < count; index++) {
        const text = next()
        send(text)
        acknowledged(numberOf(text))
      }
    },
    consume: () => {},
    settled: async () => {},
    close: async () => closeSync(file)
  }
}

/** One append log with group commit; the acknowledgements go into another. `fair` adds JSON both ways and a checksum. */
export const log = (directory: string, fair: boolean): Driver => {
  const messages = open(directory, "messages.log")
  const acks = open(directory, "acks.log")
  const toMessages = groupCommit(messages)
  const toAcks = groupCommit(acks)
  const encode = (given: string) => {
    if (!fair) return `${given}\n`
    const text = JSON.stringify(JSON.parse(given))
    return `${crc32(text).toString(16).padStart(8, "0")} ${text}\n`
  }
  return {
    lone: async ({ acknowledged, count, next }, gap) => {
      const latencies: Array<number> = []
      for (let index = 0; index < count; index++) {
        if (gap > 0) await new Promise((resolve) => setTimeout(resolve, gap))
        const text = next()
        const began = micros()
        await new Promise<void>((resolve) => toMessages(encode(text), resolve))
        latencies.push(micros() - began)
        acknowledged(numberOf(text))
      }
      return latencies
    },
    many: ({ acknowledged, count, next }, window) =>
      new Promise((resolve) => {
        let [sent, done] = [0, 0]
        const more = () => {
          if (sent >= count) return
          sent += 1
          const text = next()
          toMessages(encode(text), () => {
            acknowledged(numberOf(text))
            done += 1
            if (done === count) resolve()
            else more()
          })
        }
        for (let index = 0; index < window; index++) more()
      }),
    consume: (_, came, acked) => {
      follow(join(directory, "messages.log"), messages, (line) => {
        const message = fair ? parse(line) : cut(line)
        came(message)
        toAcks(`${message.producer}-${message.number}\n`, acked)
      })
    },
    settled: async () => {},
    close: async () => {
      closeSync(messages)
      closeSync(acks)
    }
  }
}

const parse = (line: Buffer): Message => {
  if (crc32(line.subarray(9)) !== Number.parseInt(line.toString("latin1", 0, 8), 16)) throw new Error("damaged")
  return JSON.parse(line.toString("utf8", 9))
}

/** No more than is needed to know the message. */
const cut = (line: Buffer): Message => {
  const [producer, number, after, sent] = line.toString("latin1", 0, 120).match(/[\d.]+/g) ?? []
  return { wake_id: "", producer: Number(producer), number: Number(number), after: Number(after), sent: Number(sent) }
}

/** The first append writes at once; those that come while a flush runs share the next one. */
const groupCommit = (file: number) => {
  let waiting: Array<{ readonly text: string; readonly done: () => void }> = []
  let running = false
  const run = () => {
    const batch = waiting
    waiting = []
    running = batch.length > 0
    if (!running) return
    writeSync(file, batch.map(({ text }) => text).join(""))
    fdatasync(file, (error) => {
      if (error !== null) throw error
      for (const { done } of batch) done()
      run()
    })
  }
  return (text: string, done: () => void) => {
    waiting.push({ text, done })
    if (!running) run()
  }
}

/** Reads whole lines as they come: told by the system, and looking every 250 ms in case it does not tell. */
const follow = (path: string, file: number, onLine: (line: Buffer) => void) => {
  const buffer = Buffer.alloc(1024 * 1024)
  let position = 0
  const look = () => {
    while (true) {
      const size = readSync(file, buffer, 0, buffer.length, position)
      let start = 0
      for (let end = buffer.indexOf(10); end >= 0 && end < size; end = buffer.indexOf(10, start)) {
        onLine(buffer.subarray(start, end))
        start = end + 1
      }
      position += start
      if (start === 0) return
    }
  }
  watch(path, look)
  setInterval(look, 250)
}
