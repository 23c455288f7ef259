/**
 * What can go wrong between us and the Claude API, told apart by what is to be done about it.
 *
 * @since 0.1.0
 */
import { APIConnectionError, APIError, APIUserAbortError } from "@anthropic-ai/sdk"
import { DateTime, Option, Predicate, Schema } from "effect"

/**
 * - `overloaded`, `rate_limited`: everybody slows down, then it is tried again
 * - `server`, `connection`: it is tried again
 * - `stalled`: an answer made no progress for too long; it is tried again
 * - `broken`: an answer began and did not end as answers do; nothing of it was acted on, and it is tried again
 * - `spend_limit`, `unauthorized`, `invalid_request`, `too_large`: somebody has to do something first
 * - `protocol`: what answers there is not the Claude API
 *
 * @category schemas
 * @since 0.1.0
 */
export const Kind = Schema.Literals([
  "overloaded",
  "rate_limited",
  "server",
  "connection",
  "stalled",
  "broken",
  "spend_limit",
  "unauthorized",
  "invalid_request",
  "too_large",
  "protocol"
])

/**
 * @category models
 * @since 0.1.0
 */
export type Kind = typeof Kind.Type

/**
 * A call of the Claude API that has no answer. It holds neither the key nor the prompt.
 *
 * @category errors
 * @since 0.1.0
 */
export class ApiError extends Schema.TaggedError<ApiError>("@sartor/core/claude/ApiError")("ApiError", {
  kind: Kind,
  detail: Schema.String,
  status: Schema.optionalKey(Schema.Int),
  /** What the API calls the request: its support asks for it. */
  request_id: Schema.optionalKey(Schema.String),
  /** How long the API asks to be left alone, in milliseconds. */
  retry_after: Schema.optionalKey(Schema.Finite)
}) {
  override get message() {
    const status = this.status === undefined ? "" : ` (${this.status})`
    const request = this.request_id === undefined ? "" : `, request ${this.request_id}`
    return `${sentences[this.kind]}${status}: ${this.detail}${request}`
  }
}

const sentences: { readonly [K in Kind]: string } = {
  overloaded: "The Claude API is overloaded",
  rate_limited: "The Claude API asks for fewer calls",
  server: "The Claude API failed",
  connection: "The Claude API cannot be reached",
  stalled: "The Claude API fell silent in an answer",
  broken: "An answer of the Claude API broke off",
  spend_limit: "A spend limit of the organization is reached; raise it, or wait until it is reset",
  unauthorized: "The Claude API does not accept the key",
  invalid_request: "The Claude API refuses the request",
  too_large: "The request is too large for the Claude API",
  protocol: "What answers is not the Claude API; look at ANTHROPIC_BASE_URL and the proxies in between"
}

/**
 * Whether the same call may succeed later, without anybody doing anything.
 *
 * @category constructors
 * @since 0.1.0
 */
export const isTransient = ({ kind }: ApiError): boolean => transient.has(kind)

const transient: ReadonlySet<Kind> = new Set([
  "overloaded",
  "rate_limited",
  "server",
  "connection",
  "stalled",
  "broken"
])

/**
 * Whether all who use the same key had better wait.
 *
 * @category constructors
 * @since 0.1.0
 */
export const isShared = ({ kind }: ApiError): boolean => kind === "overloaded" || kind === "rate_limited"

/**
 * Makes an error of whatever the SDK throws. `otherwise` is what it is if the API itself does not say.
 *
 * @category constructors
 * @since 0.1.0
 */
export const fromUnknown = (thrown: unknown, now: DateTime.Utc, otherwise: Kind): ApiError => {
  const isAnswer =
    thrown instanceof APIError && !(thrown instanceof APIUserAbortError) && !(thrown instanceof APIConnectionError)
  return isAnswer ? fromAnswer(thrown, now) : new ApiError({ kind: otherwise, detail: reasonOf(thrown) })
}

const fromAnswer = (error: APIError, now: DateTime.Utc) => {
  const retryAfter = Option.getOrUndefined(parseRetryAfter(error.headers?.get("retry-after"), now))
  return new ApiError({
    kind: kindOf(error),
    detail: (error.apiMessage ?? `it answers ${error.status ?? "an error"}`).slice(0, 500),
    ...(error.status === undefined ? {} : { status: error.status }),
    ...(typeof error.requestID === "string" ? { request_id: error.requestID } : {}),
    ...(retryAfter === undefined ? {} : { retry_after: retryAfter })
  })
}

const kindOf = ({ apiMessage, errorCode, status, type }: APIError): Kind => {
  // Their messages may change; the code of the limits that people set themselves is not in the answer.
  if (errorCode?.endsWith("spend_limit_reached") === true || apiMessage?.includes("API usage limits") === true) {
    return "spend_limit"
  }
  if (status === undefined) return ofType.get(type) ?? "broken"
  if (status === 529 || type === "overloaded_error") return "overloaded"
  if (status === 429) return "rate_limited"
  if (status === 401 || status === 403) return "unauthorized"
  if (status === 402) return "spend_limit"
  if (status === 413) return "too_large"
  if (status === 408 || status === 409 || status >= 500) return "server"
  if (status >= 400) return "invalid_request"
  return "protocol"
}

const ofType: ReadonlyMap<string | null, Kind> = new Map([
  ["overloaded_error", "overloaded"],
  ["rate_limit_error", "rate_limited"],
  ["api_error", "server"],
  ["timeout_error", "server"],
  ["authentication_error", "unauthorized"],
  ["permission_error", "unauthorized"],
  ["billing_error", "spend_limit"],
  ["invalid_request_error", "invalid_request"]
])

/** The innermost reason: what is around it says only that something failed. */
const reasonOf = (thrown: unknown): string => {
  let reason = thrown
  while (Predicate.hasProperty(reason, "cause") && reason.cause instanceof Error) reason = reason.cause
  if (Predicate.hasProperty(reason, "code") && typeof reason.code === "string") return reason.code
  // A parser's message quotes what it could not read.
  if (reason instanceof SyntaxError) return "it sent what is no JSON"
  return reason instanceof Error ? reason.message.slice(0, 200) : "for an unknown reason"
}

/**
 * Reads `retry-after`: seconds, or a date. Nothing else counts, as if it were not there.
 *
 * @category constructors
 * @since 0.1.0
 */
export const parseRetryAfter = (header: string | null | undefined, now: DateTime.Utc): Option.Option<number> => {
  if (header === null || header === undefined) return Option.none()
  if (/^\d{1,9}$/.test(header.trim())) return Option.some(Number(header) * 1000)
  if (!/^[A-Z][a-z]{2}, \d\d [A-Z][a-z]{2} \d{4}/.test(header)) return Option.none()
  return Option.map(DateTime.make(header), (date) =>
    Math.max(0, DateTime.toEpochMillis(date) - DateTime.toEpochMillis(now))
  )
}
