/** About 1 KB of JSON, as a wake is. */
export interface Message {
  readonly wake_id: string
  readonly producer: number
  readonly number: number
  /** When it was sent, on the clock that all processes share. */
  readonly sent: number
  readonly [field: string]: string | number | ReadonlyArray<string>
}

const summary = "The audit of this module found nothing that must be changed before the release. ".repeat(8)

export const make = (producer: number, number: number, sent: number): Message => ({
  wake_id: `auditor-security-01j9zq3v8k5w2x7y/1/${producer}-${number}`,
  producer,
  number,
  sent,
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
  const newest = new Map<number, number>()
  let [duplicated, outOfOrder] = [0, 0]
  return {
    add: ({ number, producer }: Message) => {
      const id = `${producer}-${number}`
      if (seen.has(id)) duplicated += 1
      else if (number < (newest.get(producer) ?? -1)) outOfOrder += 1
      else newest.set(producer, number)
      seen.add(id)
    },
    wrong: (sent: number) => ({ lost: sent - seen.size, duplicated, outOfOrder })
  }
}
