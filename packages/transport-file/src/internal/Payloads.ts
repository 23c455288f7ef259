/**
 * What was offered lies in the log. Here is where, and the text of what was read or written last, for whoever takes it soon.
 */

export interface Payload {
  /** The number of its segment, and its place there. */
  segment: number
  position: number
  /** How many bytes its JSON has. */
  readonly bytes: number
  /** Its JSON, as long as it is remembered. */
  text: string | undefined
}

export interface Payloads {
  readonly remember: (payload: Payload) => void
}

/** All queues of a process together remember so many bytes. */
export const capacity = 4 * 1024 * 1024

export const make = (): Payloads => {
  let remembered: Array<Payload> = []
  let oldest = 0
  let bytes = 0
  return {
    remember: (payload) => {
      if (payload.text === undefined) return
      remembered.push(payload)
      bytes += payload.bytes
      for (; bytes > capacity; oldest++) {
        const forgotten = remembered[oldest]
        if (forgotten === undefined) break
        forgotten.text = undefined
        bytes -= forgotten.bytes
      }
      if (oldest < 1024 || oldest * 2 < remembered.length) return
      remembered = remembered.slice(oldest)
      oldest = 0
    }
  }
}
