/**
 * Calls the Claude API: one request, one answer, streamed. The one module that touches the SDK's client.
 *
 * @since 0.1.0
 */
import { Anthropic } from "@anthropic-ai/sdk"
import type {
  BetaRawMessageStreamEvent,
  MessageCreateParamsBase
} from "@anthropic-ai/sdk/resources/beta/messages/messages"
import { DateTime, type Duration, Effect, Predicate, Redacted, Schema, Stream } from "effect"
import type { Delta } from "../AgentRunner.ts"
import { isProgress, orderCheck } from "../internal/messageStream.ts"
import { ApiError, fromUnknown, type Kind } from "./ApiError.ts"
import { Block } from "./Block.ts"

/**
 * What is sent: the body of `POST /v1/messages`, and the betas that it needs.
 *
 * @category models
 * @since 0.1.0
 */
export interface Request {
  readonly body: { readonly [field: string]: Schema.Json | undefined }
  readonly betas: ReadonlyArray<string>
}

/**
 * The tokens of one call, as the API counts them: those from the cache are not in `input_tokens`.
 *
 * @category schemas
 * @since 0.1.0
 */
export const Tokens = Schema.Struct({
  input_tokens: Schema.Natural,
  output_tokens: Schema.Natural,
  cache_read_input_tokens: Schema.Natural,
  cache_creation_input_tokens: Schema.Natural
})

/**
 * @category models
 * @since 0.1.0
 */
export type Tokens = typeof Tokens.Type

/**
 * A whole answer.
 *
 * @category schemas
 * @since 0.1.0
 */
export const Answer = Schema.Struct({
  message_id: Schema.String,
  request_id: Schema.optionalKey(Schema.String),
  model: Schema.String,
  content: Schema.Array(Block),
  /** Empty if the API did not say. */
  stop_reason: Schema.String,
  /** Why it stopped, in the API's words. */
  stop_detail: Schema.optionalKey(Schema.String),
  tokens: Tokens
})

/**
 * @category models
 * @since 0.1.0
 */
export interface Answer extends Schema.Schema.Type<typeof Answer> {}

/**
 * @category models
 * @since 0.1.0
 */
export interface Options {
  readonly apiKey: Redacted.Redacted
  /** Where the API is; as `ANTHROPIC_BASE_URL` says if it is left out, else Anthropic's. */
  readonly baseUrl?: string | undefined
}

/**
 * @category models
 * @since 0.1.0
 */
export interface Api {
  /**
   * Sends a request: the pieces of the answer, then, last and only if it is whole, the answer. `silence` is how long it
   * may make no progress: neither comments nor pings nor empty pieces count. Never tried again here.
   */
  readonly stream: (request: Request, silence: Duration.Input) => Stream.Stream<Delta | Answer, ApiError>
}

/**
 * Makes a client. The key is nowhere but in it.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = ({ apiKey, baseUrl }: Options): Api => {
  const client = new Anthropic({
    apiKey: Redacted.value(apiKey),
    ...(baseUrl === undefined ? {} : { baseURL: baseUrl }),
    maxRetries: 0,
    // It covers the headers only; what is here covers the whole answer.
    timeout: 24 * 3_600_000,
    // On debug it would log prompts.
    logLevel: "off",
    openTelemetry: false,
    // Whoever redirects a request would get the prompt.
    fetchOptions: { redirect: "manual" }
  })
  return {
    stream: ({ betas, body }, silence) =>
      Stream.unwrap(
        Effect.gen(function* () {
          const params: unknown = betas.length === 0 ? body : { ...body, betas }
          if (!isSendable(params)) return yield* Effect.die("a request without model, messages or max_tokens")
          const now = yield* DateTime.now
          const stream = yield* Effect.acquireRelease(
            Effect.sync(() => client.beta.messages.stream(params)),
            (stream) => Effect.sync(() => stream.abort())
          )
          // Who reads the stream is not told of a failure that comes between two reads, and without a listener one that
          // comes before the first read ends the process.
          let failure: unknown = undefined
          stream
            .on("error", (error) => {
              failure = error
            })
            .on("abort", () => {})
          const toApiError = (thrown: unknown) => fromUnknown(thrown, now, kindOf(stream.response))
          const ended = Effect.suspend(() =>
            Effect.fail(
              failure === undefined ? broken("the connection ended before the answer did") : toApiError(failure)
            )
          )
          const check = orderCheck()
          const whole = Effect.suspend(() =>
            decodeAnswer({ message: stream.receivedMessages.at(-1), request_id: stream.request_id ?? undefined })
          )
          return Stream.fromAsyncIterable(stream, toApiError).pipe(
            Stream.mapEffect((event) => {
              if (kindOf(stream.response) === "protocol") return Effect.fail(notAnEventStream)
              const disorder = check(event)
              return disorder === undefined ? Effect.succeed(event) : Effect.fail(broken(disorder))
            }),
            Stream.filter(isProgress),
            Stream.timeoutOrElse({ duration: silence, orElse: () => Stream.fail(stalled) }),
            Stream.concat(Stream.fromEffect(ended)),
            Stream.takeUntil((event) => event.type === "message_stop"),
            Stream.mapEffect((event): Effect.Effect<ReadonlyArray<Delta | Answer>, ApiError> =>
              event.type === "message_stop" ? Effect.map(whole, (answer) => [answer]) : Effect.succeed(deltasOf(event))
            ),
            Stream.flatMap(Stream.fromIterable)
          )
        })
      )
  }
}

/** What has happened if something fails and the API does not say what. */
const kindOf = (response: Response | null | undefined): Kind =>
  response === null || response === undefined
    ? "connection"
    : response.headers.get("content-type")?.startsWith("text/event-stream") === true
      ? "broken"
      : "protocol"

const broken = (detail: string) => new ApiError({ kind: "broken", detail })

const stalled = new ApiError({ kind: "stalled", detail: "the connection was given up" })

const notAnEventStream = new ApiError({ kind: "protocol", detail: "it sent no stream of events" })

/** What the SDK's types ask for; what they say of the rest the API checks. */
const isSendable = (params: unknown): params is MessageCreateParamsBase =>
  Predicate.isObject(params) &&
  typeof params["model"] === "string" &&
  typeof params["max_tokens"] === "number" &&
  Array.isArray(params["messages"])

const deltasOf = (event: BetaRawMessageStreamEvent): ReadonlyArray<Delta> => {
  if (event.type === "content_block_start" && event.content_block.type === "tool_use") {
    return [{ type: "delta", kind: "tool", text: event.content_block.name }]
  }
  if (event.type !== "content_block_delta") return []
  const { delta } = event
  if (delta.type === "text_delta") return [{ type: "delta", kind: "text", text: delta.text }]
  if (delta.type === "thinking_delta") return [{ type: "delta", kind: "thinking", text: delta.thinking }]
  return []
}

const Received = Schema.Struct({
  request_id: Schema.UndefinedOr(Schema.String),
  message: Schema.Struct({
    id: Schema.String,
    model: Schema.String,
    content: Schema.Array(Block),
    stop_reason: Schema.NullOr(Schema.String),
    stop_details: Schema.optional(Schema.NullOr(Schema.Record(Schema.String, Schema.Json))),
    usage: Schema.Struct({
      input_tokens: Schema.Natural,
      output_tokens: Schema.Natural,
      cache_read_input_tokens: Schema.optional(Schema.NullOr(Schema.Natural)),
      cache_creation_input_tokens: Schema.optional(Schema.NullOr(Schema.Natural))
    })
  })
})

const decodeReceived = Schema.decodeUnknownEffect(Received)

const decodeAnswer = (received: unknown): Effect.Effect<Answer, ApiError> =>
  decodeReceived(received).pipe(
    Effect.map(({ message, request_id }): Answer => {
      const { stop_details: details, usage } = message
      const detail = [details?.["category"], details?.["explanation"]].filter((part) => typeof part === "string")
      return {
        message_id: message.id,
        ...(request_id === undefined ? {} : { request_id }),
        model: message.model,
        content: message.content,
        stop_reason: message.stop_reason ?? "",
        ...(detail.length === 0 ? {} : { stop_detail: detail.join(": ") }),
        tokens: {
          input_tokens: usage.input_tokens,
          output_tokens: usage.output_tokens,
          cache_read_input_tokens: usage.cache_read_input_tokens ?? 0,
          cache_creation_input_tokens: usage.cache_creation_input_tokens ?? 0
        }
      }
    }),
    Effect.mapError(() => new ApiError({ kind: "broken", detail: "it is not what answers are" }))
  )
