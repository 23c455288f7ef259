/** About 1 KB of JSON, as a wake is. */
export interface Message {
  readonly producer: number
  readonly number: number
  /** All with a lower number were acknowledged when this one was sent: they must be delivered before it. */
  readonly after: number
  /** When it was sent, on the clock that all processes share. */
  readonly sent: number
  readonly wake_id: string
  readonly [field: string]: string | number | ReadonlyArray<string>
}

const summary = "The audit of this module found nothing that must be changed before the release. ".repeat(8)

export const make = (producer: number, number: number, sent: number, after = number): Message => ({
  producer,
  number,
  after,
  sent,
  wake_id: `auditor-security-01j9zq3v8k5w2x7y/1/${producer}-${number}`,
  session_id: "auditor-security-01j9zq3v8k5w2x7y",
  agent_role: "AUDITOR",
  status: "finding",
  timestamp: "2026-01-31T12:00:00.000Z",
  priority: "normal",
  next_role: "IMPLEMENTER",
  files: ["src/server/routes.ts", "src/server/session.ts", "reports/security.md"],
  summary
})

/** Counts what came, against what was sent. */
export const makeCount = () => {
  const seen = new Set<string>()
  /** By producer: what is lower must have come by now. */
  const due = new Map<number, number>()
  let [duplicated, outOfOrder] = [0, 0]
  return {
    add: ({ after, number, producer }: Message) => {
      const id = `${producer}-${number}`
      const before = due.get(producer) ?? 0
      if (seen.has(id)) duplicated += 1
      else if (number < before) outOfOrder += 1
      if (after > before) due.set(producer, after)
      seen.add(id)
    },
    wrong: (sent: number) => ({ lost: sent - seen.size, duplicated, outOfOrder })
  }
}

/** Numbers the messages of a process, and knows up to where they are acknowledged. */
export const makeSender = (now: () => number) => {
  const acknowledged: Array<boolean> = []
  let [sent, after] = [0, 0]
  return {
    /** The next one, as text: how it reaches whoever sends it on. */
    next: (producer: number) => JSON.stringify(make(producer, sent++, now(), after)),
    acknowledged: (number: number) => {
      acknowledged[number] = true
      while (acknowledged[after] === true) after += 1
    }
  }
}

/** The number of a message, which stands at its beginning. */
export const numberOf = (text: string): number => Number.parseInt(text.slice(text.indexOf("number") + 8), 10)
