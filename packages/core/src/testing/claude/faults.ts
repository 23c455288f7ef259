/** What can go wrong with an answer of the fake server, and how it is done to the socket. */
import type { ServerResponse } from "node:http"
import { type Answer, errorOf, type Event, eventsOf, messageOf, textOf, typeOfStatus } from "./answer.ts"

/** One thing that goes wrong with one attempt. Positions count the events of the whole answer, from 0. */
export type Fault =
  /** An error instead of an answer. */
  | {
      readonly type: "status"
      readonly status: number
      readonly code?: string
      readonly retryAfter?: string
      readonly message?: string
    }
  /** The connection is reset before anything is sent. */
  | { readonly type: "reset" }
  /** Nothing is ever sent. */
  | { readonly type: "silent" }
  /** The first events, then nothing, with the connection open; with 0 only the headers. */
  | { readonly type: "stalls"; readonly after: number }
  /** The first events, then comments, pings and empty deltas for ever. */
  | { readonly type: "trickles"; readonly after: number; readonly every?: number }
  /** The stream ends after the first events: by a destroyed socket, a clean end, or in the middle of the next event. */
  | { readonly type: "cut"; readonly after: number; readonly how: "destroyed" | "ended" | "halved" }
  /** An error event after the first events. */
  | { readonly type: "error"; readonly after: number; readonly error: string }
  /** The event at a position is replaced by what is no JSON. */
  | { readonly type: "malformed"; readonly at: number }
  /** An event of a type that nobody knows comes before the one at a position. */
  | { readonly type: "unknown"; readonly at: number }
  /** Content blocks are numbered wrongly. */
  | { readonly type: "misnumbered" }
  /** Each block is stopped twice. */
  | { readonly type: "stopped_twice" }
  /** A text delta of so many characters comes first. */
  | { readonly type: "huge"; readonly characters: number }
  /** The stream is whole, and the connection stays open after it. */
  | { readonly type: "held_open" }
  /** 200 with a page of HTML, a message without content, half a JSON document, or a stream under the wrong type. */
  | { readonly type: "html" }
  | { readonly type: "null_content" }
  | { readonly type: "truncated_json" }
  | { readonly type: "wrong_type" }
  /** A redirect to another path. */
  | { readonly type: "redirect" }
  /** A whole answer, later: in milliseconds. */
  | { readonly type: "late"; readonly by: number }

const streamHeaders = { "content-type": "text/event-stream; charset=utf-8", "cache-control": "no-cache" }

/** Sends an answer, or what is wrong with it. Answers what must be stopped when the connection is gone. */
export const send = (response: ServerResponse, answer: Answer, fault: Fault | undefined): (() => void) => {
  const events = eventsOf(answer)
  const write = (some: ReadonlyArray<Event>) => {
    for (const event of some) response.write(textOf(event))
  }
  const stream = (some: ReadonlyArray<Event>) => {
    response.writeHead(200, streamHeaders)
    response.flushHeaders()
    write(some)
  }
  const nothing = () => {}
  if (fault === undefined) {
    stream(events)
    response.end()
    return nothing
  }
  switch (fault.type) {
    case "status": {
      const { code, message = `The fake server says ${fault.status}`, retryAfter, status } = fault
      response.writeHead(status, {
        "content-type": "application/json",
        ...(retryAfter === undefined ? {} : { "retry-after": retryAfter })
      })
      response.end(JSON.stringify(errorOf(typeOfStatus(status), message, code)))
      return nothing
    }
    case "reset":
      response.socket?.resetAndDestroy()
      return nothing
    case "silent":
      return nothing
    case "stalls":
      stream(events.slice(0, fault.after))
      return nothing
    case "trickles": {
      stream(events.slice(0, fault.after))
      const timer = setInterval(() => {
        response.write(": still here\n\n")
        response.write(textOf({ event: "ping", data: { type: "ping" } }))
        if (fault.after > 2) {
          const delta = { type: "text_delta", text: "" }
          response.write(
            textOf({ event: "content_block_delta", data: { type: "content_block_delta", index: 0, delta } })
          )
        }
      }, fault.every ?? 20)
      return () => clearInterval(timer)
    }
    case "cut": {
      stream(events.slice(0, fault.after))
      const next = events[fault.after]
      if (fault.how === "halved" && next !== undefined) {
        const text = textOf(next)
        response.write(text.slice(0, Math.ceil(text.length * 0.6)))
      }
      if (fault.how === "destroyed") {
        // What was written must reach the reader first: the fault is at this boundary, not before it.
        const timer = setTimeout(() => response.socket?.destroy(), 20)
        return () => clearTimeout(timer)
      }
      response.end()
      return nothing
    }
    case "error":
      stream(events.slice(0, fault.after))
      response.end(textOf({ event: "error", data: errorOf(fault.error, "The fake server has an error event") }))
      return nothing
    case "malformed":
      stream(events.map((event, index) => (index === fault.at ? { ...event, data: '{"type":"content_bl' } : event)))
      response.end()
      return nothing
    case "unknown":
      stream([
        ...events.slice(0, fault.at),
        { event: "tea_served", data: { type: "tea_served", sugar: true } },
        ...events.slice(fault.at)
      ])
      response.end()
      return nothing
    case "misnumbered":
      stream(events.map(renumbered))
      response.end()
      return nothing
    case "stopped_twice":
      stream(events.flatMap((event) => (event.event === "content_block_stop" ? [event, event] : [event])))
      response.end()
      return nothing
    case "huge": {
      const first = events.findIndex(({ event }) => event === "content_block_delta")
      const delta = { type: "text_delta", text: "x".repeat(fault.characters) }
      const data = { type: "content_block_delta", index: 0, delta }
      stream([...events.slice(0, first), { event: "content_block_delta", data }, ...events.slice(first)])
      response.end()
      return nothing
    }
    case "held_open":
      stream(events)
      return nothing
    case "html":
      response.writeHead(200, { "content-type": "text/html" })
      response.end("<!doctype html><title>Sign in</title><p>Please accept the terms of this network.")
      return nothing
    case "null_content":
      response.writeHead(200, { "content-type": "application/json" })
      response.end(JSON.stringify({ ...messageOf(answer), content: null }))
      return nothing
    case "truncated_json":
      response.writeHead(200, { "content-type": "application/json" })
      response.end(JSON.stringify(messageOf(answer)).slice(0, 40))
      return nothing
    case "wrong_type":
      response.writeHead(200, { "content-type": "application/octet-stream" })
      write(events)
      response.end()
      return nothing
    case "redirect":
      response.writeHead(307, { location: "/elsewhere" })
      response.end()
      return nothing
    case "late": {
      const timer = setTimeout(() => {
        stream(events)
        response.end()
      }, fault.by)
      return () => clearTimeout(timer)
    }
  }
}

const renumbered = (event: Event): Event =>
  typeof event.data === "object" && event.data !== null && "index" in event.data
    ? { ...event, data: { ...event.data, index: 7 } }
    : event
