/**
 * What was offered lies in the log, behind the records of a frame: in its body. Here is where, and the bytes of what was read or written
 * last, for whoever takes it soon.
 */

export interface Body {
  /** The number of its segment, and its place there. */
  readonly segment: number
  readonly position: number
  readonly length: number
  /** As long as they are remembered. */
  bytes: Buffer | undefined
}

export interface Payload {
  /** How many bytes its JSON has. */
  readonly bytes: number
  /** Its JSON, until that is in the log. */
  text: string | undefined
  /** Where it is then, and its place there. */
  body: Body
  offset: number
}

export interface Payloads {
  readonly remember: (body: Body, bytes: Buffer) => void
}

/** All queues of a process together remember so many bytes. */
export const capacity = 4 * 1024 * 1024

/** The body of what is not in the log yet. */
export const nowhere: Body = { segment: 0, position: 0, length: 0, bytes: undefined }

export const make = (): Payloads => {
  const remembered = new Set<Body>()
  let total = 0
  return {
    remember: (body, bytes) => {
      body.bytes = bytes
      remembered.add(body)
      total += body.length
      for (const oldest of remembered) {
        if (total <= capacity) return
        oldest.bytes = undefined
        remembered.delete(oldest)
        total -= oldest.length
      }
    }
  }
}
