/**
 * Calls the Claude API until there is an answer, or it is clear that there will be none.
 *
 * @since 0.1.0
 */
import { Clock, Duration, Effect, Schedule, Stream } from "effect"
import type { Delta } from "../AgentRunner.ts"
import type { Answer, Api, Request } from "./Api.ts"
import { ApiError, isShared, isTransient } from "./ApiError.ts"
import type { Pace } from "./Pace.ts"

/**
 * @category models
 * @since 0.1.0
 */
export interface Retry {
  /** How long it is tried in all: ten minutes by default. */
  readonly budget?: Duration.Input | undefined
  /** The first wait, doubled each time: a second by default. */
  readonly first?: Duration.Input | undefined
  /** The longest wait that the API may ask for; for longer it fails at once: a minute by default. */
  readonly longest?: number | undefined
}

/**
 * @category models
 * @since 0.1.0
 */
export interface Options {
  readonly api: Api
  readonly pace: Pace
  readonly silence: Duration.Input
  readonly retry?: Retry | undefined
  /** What the call is called in the log. */
  readonly name: string
  /** Hears the pieces of the answer. */
  readonly onDelta: (delta: Delta) => Effect.Effect<void>
}

/**
 * Whether a call that has failed may be made again by itself.
 *
 * @category constructors
 * @since 0.1.0
 */
export const mayTryAgain = (error: ApiError, retry: Retry = {}): boolean => isTransient(error) && mayWait(error, retry)

const mayWait = ({ retry_after = 0 }: ApiError, { longest = 60_000 }: Retry) => retry_after <= longest

/**
 * Sends a request and answers the whole answer. What is transient is tried again, with waits that are spread and grow, as
 * long as the budget lasts; 429 and 529 let the whole pool wait. Nothing was acted on in an answer that broke off.
 *
 * @category constructors
 * @since 0.1.0
 */
export const call = Effect.fnUntraced(function* (request: Request, options: Options) {
  const { api, name, onDelta, pace, retry = {}, silence } = options
  const { budget = "10 minutes", first = "1 second" } = retry
  let attempt = 0
  let heard = false

  const once = Effect.gen(function* () {
    yield* pace.wait
    attempt += 1
    if (heard) yield* onDelta({ type: "delta", kind: "again", text: "" })
    heard = false
    let answer: Answer | undefined
    yield* Stream.runForEach(api.stream(request, silence), (part) => {
      if (!("type" in part)) {
        answer = part
        return Effect.void
      }
      heard = true
      return onDelta(part)
    })
    return answer ?? (yield* new ApiError({ kind: "broken", detail: "there was no answer in it" }))
  })
  const noted = Effect.tapError(once, (error) =>
    Effect.logWarning(`Call ${name}, attempt ${attempt}: ${error.message}`).pipe(
      Effect.andThen(
        isShared(error) && mayWait(error, retry)
          ? pace.slowDown(error.retry_after ?? Duration.toMillis(first) * 2 ** Math.min(attempt - 1, 5))
          : Effect.void
      )
    )
  )
  const schedule = Schedule.min([Schedule.exponential(first), Schedule.spaced("30 seconds")]).pipe(
    Schedule.jittered,
    Schedule.upTo({ duration: budget })
  )
  const since = yield* Clock.currentTimeMillis
  return yield* noted.pipe(
    Effect.retry({ schedule, while: (error) => mayTryAgain(error, retry) }),
    Effect.tapError(() =>
      Effect.flatMap(Clock.currentTimeMillis, (now) =>
        Effect.logWarning(
          `Call ${name} is given up after ${attempt} attempts and ${Math.round((now - since) / 1000)} s`
        )
      )
    ),
    Effect.withSpan("claude.call", { attributes: { call: name } })
  )
})
