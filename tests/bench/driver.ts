import type { Message } from "./message.ts"

/** One way to bring messages from a process to another: ours, or one that it is compared with. */
export interface Driver {
  /** Sends one at a time, `gap` milliseconds apart. Answers how long each took to be acknowledged, in microseconds. */
  readonly lone: (messages: Messages, gap: number) => Promise<ReadonlyArray<number>>
  /** Sends with so many unacknowledged at once. */
  readonly many: (messages: Messages, window: number) => Promise<void>
  /** Completes once all that `acked` was called for is durable. */
  readonly settled: () => Promise<unknown>
  /** Takes for as long as the process lives. `acked` is called once a message is acknowledged. */
  readonly consume: (parallel: number, came: (message: Message) => void, acked: () => void) => void
  readonly close: () => Promise<void>
}

export interface Messages {
  readonly count: number
  /** Makes the next one, as late as possible: about 1 KB of JSON. Whoever keeps JSON parses it. */
  readonly next: () => string
  /** Says that the message of a number is acknowledged. */
  readonly acknowledged: (number: number) => void
}

export type Name = "raw" | "rawfile" | "rawfair" | "sqlite" | "sartor" | "rawnats" | "nats"
