/** A table of messages in node:sqlite, write-ahead log, synchronous FULL: what one would otherwise reach for. */
import { join } from "node:path"
import { DatabaseSync } from "node:sqlite"
import type { Driver } from "./driver.ts"
import { micros } from "./measure.ts"
import { numberOf } from "./message.ts"

export const make = (directory: string): Driver => {
  const database = new DatabaseSync(join(directory, "messages.db"))
  database.exec(
    "PRAGMA busy_timeout = 60000; PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;" +
      "CREATE TABLE IF NOT EXISTS messages (id INTEGER PRIMARY KEY, text TEXT NOT NULL, state INTEGER NOT NULL);" +
      "CREATE INDEX IF NOT EXISTS waiting ON messages (state, id)"
  )
  const insert = database.prepare("INSERT INTO messages (text, state) VALUES (?, 0)")
  const claim = database.prepare(
    "UPDATE messages SET state = 1 WHERE id IN (SELECT id FROM messages WHERE state = 0 ORDER BY id LIMIT ?) RETURNING id, text"
  )
  const acknowledge = database.prepare("UPDATE messages SET state = 2 WHERE id BETWEEN ? AND ? AND state = 1")
  return {
    lone: async ({ acknowledged, count, next }, gap) => {
      const latencies: Array<number> = []
      for (let index = 0; index < count; index++) {
        if (gap > 0) await new Promise((resolve) => setTimeout(resolve, gap))
        const text = next()
        const began = micros()
        insert.run(text)
        latencies.push(micros() - began)
        acknowledged(numberOf(text))
      }
      return latencies
    },
    many: async ({ acknowledged, count, next }) => {
      for (let index = 0; index < count; index++) {
        const text = next()
        insert.run(text)
        acknowledged(numberOf(text))
        if (index % 100 === 99) await new Promise((resolve) => setImmediate(resolve))
      }
    },
    consume: (parallel, came, acked) => {
      setInterval(() => {
        while (true) {
          const rows = claim.all(parallel).sort((a, b) => Number(a["id"]) - Number(b["id"]))
          if (rows.length === 0) return
          for (const { text } of rows) came(JSON.parse(String(text)))
          acknowledge.run(Number(rows[0]?.["id"]), Number(rows.at(-1)?.["id"]))
          for (const _ of rows) acked()
        }
      }, 1)
    },
    settled: async () => {},
    close: async () => database.close()
  }
}
