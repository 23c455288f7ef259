/**
 * A Claude API that runs here: real HTTP and server-sent events, answers by script, and refuses what the API refuses. The
 * one module of this package that uses `node:http`.
 *
 * It checks what the Messages API checks: roles alternate, every `tool_use` has its `tool_result` at the head of the next
 * message, no text is blank, no conversation ends with an unfinished assistant turn, and a thinking block comes back
 * unchanged behind an unchanged prefix. It counts tokens, a token being four characters, and keeps a prompt cache. Each
 * fault of `Fault` can be put before an answer.
 *
 * @since 0.1.0
 */
import { Effect, Option, Schema, type Scope } from "effect"
import * as Http from "node:http"
import type { AddressInfo } from "node:net"
import { errorOf, typeOfStatus } from "./claude/answer.ts"
import * as Cache from "./claude/cache.ts"
import * as Faults from "./claude/faults.ts"
import {
  type Block,
  blocksOf,
  Body,
  canonical,
  isThinking,
  type Message,
  refusalOf,
  signature
} from "./claude/request.ts"

/**
 * What goes wrong with one attempt of a call.
 *
 * @category testing
 * @since 0.1.0
 */
export type Fault = Faults.Fault

/**
 * One answer of a conversation.
 *
 * @category testing
 * @since 0.1.0
 */
export interface Turn {
  /** Ids of tool calls and signatures of thinking are filled in. */
  readonly content: ReadonlyArray<Block>
  /** `tool_use` if a tool is called, else `end_turn`; `null` for an answer that does not say. */
  readonly stop?: string | null
  readonly details?: { readonly [field: string]: Schema.Json }
  /** Counted from the content if it is left out. */
  readonly outputTokens?: number
  /** The first attempt of this turn meets the first fault, the second the second; then comes the answer. */
  readonly faults?: ReadonlyArray<Fault>
}

/**
 * A script: which requests belong to it, and what is answered turn by turn.
 *
 * @category testing
 * @since 0.1.0
 */
export interface Conversation {
  readonly name: string
  /** A text in the first message or the system prompt; every request, if it is left out. */
  readonly when?: string
  readonly turns: ReadonlyArray<Turn | ((request: Request) => Turn)>
  /** The summary that a request to compact gets. */
  readonly summary?: string
}

/**
 * A request as it arrived, and what it got.
 *
 * @category testing
 * @since 0.1.0
 */
export interface Request {
  readonly conversation: string
  /** The turn that it asks for, from 0. */
  readonly turn: number
  /** How often this turn was asked for, from 1. */
  readonly attempt: number
  readonly body: Body
  readonly headers: { readonly [name: string]: string }
  /** In milliseconds, on a clock that never goes back. */
  readonly at: number
  readonly status: number
  /** What the API says of a request that it refuses. */
  readonly refusal?: string
  readonly usage?: { readonly [field: string]: number }
  /** Whether the client closed the connection before the answer was whole. */
  readonly aborted: boolean
}

/**
 * @category testing
 * @since 0.1.0
 */
export interface FakeClaude {
  /** For `ANTHROPIC_BASE_URL`. */
  readonly url: string
  /** Everything that was asked for, in the order of arrival. */
  readonly requests: ReadonlyArray<Request>
  /** The requests that the API would have refused. */
  readonly refused: () => ReadonlyArray<Request>
  /** How many connections are open. */
  readonly connections: () => number
}

/**
 * @category testing
 * @since 0.1.0
 */
export interface Options {
  readonly conversations: ReadonlyArray<Conversation>
  /** The only key that is let in; any key, if it is left out. */
  readonly apiKey?: string
  /** Hears of each request before it is answered, and holds it until it is done. */
  readonly onRequest?: (request: Request) => Effect.Effect<void>
}

/**
 * Text, as the model writes it.
 *
 * @category testing
 * @since 0.1.0
 */
export const say = (text: string): Block => ({ type: "text", text })

/**
 * A value as the text of an answer: what `output_config.format` gets.
 *
 * @category testing
 * @since 0.1.0
 */
export const hand = (value: Schema.Json): Turn => ({ content: [say(JSON.stringify(value))] })

/**
 * A thinking block.
 *
 * @category testing
 * @since 0.1.0
 */
export const think = (thinking: string): Block => ({ type: "thinking", thinking, signature: "" })

/**
 * A call of a tool.
 *
 * @category testing
 * @since 0.1.0
 */
export const call = (name: string, input: { readonly [field: string]: Schema.Json }): Block => ({
  type: "tool_use",
  id: "",
  name,
  input
})

/**
 * Starts a server on a port of its own, on this machine only. It ends with its scope.
 *
 * @category testing
 * @since 0.1.0
 */
export const make = (options: Options): Effect.Effect<FakeClaude, never, Scope.Scope> =>
  Effect.gen(function* () {
    const run = Effect.runForkWith(yield* Effect.context<never>())
    const requests: Array<Request> = []
    const cache = new Set<string>()
    const attempts = new Map<string, number>()
    const issued = new Map<string, number>()
    const compacted = new Map<string, number>()
    let ids = 0

    /** By what was answered last: what comes next does not depend on how much of the history is sent. */
    const turnOf = (conversation: Conversation, { messages }: Body) => {
      const last = messages.findLast(({ content, role }) => role === "assistant" && content[0] !== undefined)
      if (last === undefined) return 0
      const place = compacted.get(conversation.name)
      if (blocksOf(last)[0]?.type === "compaction" && place !== undefined) return place
      const known = issued.get(`${conversation.name} ${essence(blocksOf(last))}`)
      if (known !== undefined) return known + 1
      const scripted = conversation.turns.findLastIndex(
        (turn, index) =>
          typeof turn !== "function" && essence(identified(turn, conversation, index)) === essence(blocksOf(last))
      )
      return scripted + 1
    }

    const answer = (body: Body, headers: Request["headers"], response: Http.ServerResponse) => {
      const first = beginningOf(body)
      const conversation = options.conversations.find(({ when }) => when === undefined || first.includes(when))
      if (conversation === undefined) {
        return refuse(response, 404, "No conversation of the script begins like this request")
      }
      const compacts = body.compaction !== undefined
      const next = turnOf(conversation, body)
      if (compacts) compacted.set(conversation.name, next)
      const turn = compacts ? -1 : next
      const place = `${conversation.name} ${turn}`
      const attempt = (attempts.get(place) ?? 0) + 1
      attempts.set(place, attempt)
      const paused = (last: Message) => {
        const before = conversation.turns[turn - 1]
        const stop = typeof before === "function" ? undefined : before?.stop
        return compacts || stop === "pause_turn" || (stop === "compaction" && blocksOf(last)[0]?.type === "compaction")
      }
      const refusal = refusalOf(body, paused) ?? betaProblem(body, headers)
      const request: Arrived = {
        conversation: conversation.name,
        turn,
        attempt,
        body,
        headers,
        at: performance.now(),
        status: refusal === undefined ? 200 : 400,
        ...(refusal === undefined ? {} : { refusal }),
        aborted: false
      }
      requests.push(request)
      response.on("close", () => {
        request.aborted = !response.writableFinished
      })
      if (refusal !== undefined) return refuse(response, 400, refusal)
      const script = compacts ? summaryOf(conversation) : conversation.turns[turn]
      const chosen = typeof script === "function" ? script(request) : script
      if (chosen === undefined) return refuse(response, 404, `The script "${conversation.name}" has no turn ${turn}`)
      const fault = chosen.faults?.[attempt - 1]
      const usage = fault?.type === "status" ? undefined : Cache.count(cache, body)
      const content = identified(chosen, conversation, turn).map((block) =>
        block.type === "thinking" ? { ...block, signature: signature(body, body.messages, block["thinking"]) } : block
      )
      issued.set(`${conversation.name} ${essence(content)}`, turn)
      const output = chosen.outputTokens ?? Math.ceil(JSON.stringify(content).length / 4)
      const counted = { ...usage, output_tokens: output }
      request.status = fault?.type === "status" ? fault.status : 200
      request.usage = counted
      const called = content.some(({ type }) => type === "tool_use")
      const stop = chosen.stop === undefined ? (called ? "tool_use" : "end_turn") : chosen.stop
      const send = Effect.sync(() => {
        const whole = {
          id: `msg_${++ids}`,
          model: body.model,
          content,
          stop,
          details: chosen.details ?? null,
          usage: counted
        }
        response.setHeader("request-id", `req_${requests.length}`)
        const clean = Faults.send(response, whole, fault)
        response.on("close", clean)
      })
      run(Effect.andThen(options.onRequest?.(request) ?? Effect.void, send))
    }

    const server = Http.createServer((incoming, response) => {
      const chunks: Array<Uint8Array> = []
      incoming.on("data", (chunk: Uint8Array) => chunks.push(chunk))
      incoming.on("error", () => {})
      response.on("error", () => {})
      incoming.on("end", () => {
        if (incoming.method !== "POST" || incoming.url?.split("?")[0] !== "/v1/messages") {
          return refuse(response, 404, `There is nothing at ${incoming.url}`)
        }
        const headers = Object.fromEntries(
          Object.entries(incoming.headers).map(([name, value]) => [name, String(value)])
        )
        const key = headers["authorization"]?.replace(/^Bearer /, "") ?? headers["x-api-key"]
        if (key === undefined || (options.apiKey !== undefined && key !== options.apiKey)) {
          return refuse(response, 401, "invalid bearer token")
        }
        const text = decoder.decode(concatenated(chunks))
        const body = decodeBody(text)
        if (Option.isNone(body) || unsendable.test(text)) {
          return refuse(response, 400, "The request body is not valid JSON, or not what the Messages API takes")
        }
        return answer(body.value, headers, response)
      })
    })
    yield* Effect.acquireRelease(
      Effect.callback<void>((resume) => {
        server.listen(0, "127.0.0.1", () => resume(Effect.void))
      }),
      () =>
        Effect.callback<void>((resume) => {
          server.close(() => resume(Effect.void))
          server.closeAllConnections()
        })
    )
    const address: AddressInfo | string | null = server.address()
    const port = typeof address === "object" && address !== null ? address.port : 0
    let open = 0
    server.on("connection", (socket) => {
      open += 1
      socket.on("close", () => (open -= 1))
    })
    return {
      url: `http://127.0.0.1:${port}`,
      requests,
      refused: () => requests.filter(({ refusal }) => refusal !== undefined),
      connections: () => open
    }
  })

/** What becomes of a request is written into it. */
interface Arrived extends Omit<Request, "status" | "usage" | "aborted"> {
  status: number
  usage?: { readonly [field: string]: number }
  aborted: boolean
}

/** Escapes of NUL and of half a surrogate pair: the API takes neither. */
const unsendable = /\\u0000|\\ud[89ab][0-9a-f]{2}(?!\\ud[c-f])|(?<!\\ud[89ab][0-9a-f]{2})\\ud[c-f][0-9a-f]{2}/i

const decoder = new TextDecoder()
const decodeBody = Schema.decodeUnknownOption(Schema.fromJsonString(Body))

const concatenated = (chunks: ReadonlyArray<Uint8Array>) => {
  const whole = new Uint8Array(chunks.reduce((sum, { length }) => sum + length, 0))
  let at = 0
  for (const chunk of chunks) {
    whole.set(chunk, at)
    at += chunk.length
  }
  return whole
}

const refuse = (response: Http.ServerResponse, status: number, message: string) => {
  response.writeHead(status, { "content-type": "application/json", "request-id": `req_refused_${status}` })
  response.end(JSON.stringify(errorOf(typeOfStatus(status), message)))
}

/** All text of the system prompt and the first message. */
const beginningOf = ({ messages, system = "" }: Body) => {
  const blocks = [...(typeof system === "string" ? [say(system)] : system), ...blocksOf(messages[0])]
  return blocks.map((block) => String(block["text"] ?? "")).join("\n")
}

/** What an answer is known by: all of it but what is hidden. */
const essence = (content: ReadonlyArray<Block>) => canonical(content.filter((block) => !isThinking(block)))

const identified = (turn: Turn, { name }: Conversation, index: number): ReadonlyArray<Block> =>
  turn.content.map((block, place) =>
    block.type === "tool_use" && block["id"] === ""
      ? { ...block, id: `toolu_${name.replace(/\W/g, "_")}_${index}_${place}` }
      : block
  )

const summaryOf = ({ summary = "What was said so far." }: Conversation): Turn => ({
  content: [{ type: "compaction", content: summary, encrypted_content: null, signature: "signed" }],
  stop: "compaction"
})

const betaProblem = (body: Body, headers: Request["headers"]) => {
  const edited = body["context_management"] !== undefined
  const compact = body.compaction !== undefined || body.messages.some((m) => blocksOf(m)[0]?.type === "compaction")
  return compact && !edited && !(headers["anthropic-beta"] ?? "").includes("compact-2026-09-04")
    ? "compaction: this feature needs the beta header compact-2026-09-04"
    : undefined
}
