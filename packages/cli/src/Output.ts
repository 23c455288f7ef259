/**
 * Prints what a command has found: text for people, or one JSON document; and what went wrong, with its exit code.
 *
 * @since 0.1.0
 */
import { Cause, Config, Context, Effect, Layer, Logger, Option, References, type Scope } from "effect"
import * as Failure from "./Failure.ts"
import * as Process from "./Process.ts"
import * as Text from "./report/Text.ts"

/**
 * How text may look on a stream.
 *
 * @category models
 * @since 0.1.0
 */
export interface Look {
  readonly color: boolean
  /** Whether more than ASCII may be drawn. */
  readonly unicode: boolean
  /** Whether lines can be redrawn in place. */
  readonly animates: boolean
  /** A terminal's, or one that suits a file; only on a terminal does anything have to be cut to it. */
  readonly width: number
  readonly terminal: boolean
}

/**
 * Who writes on stderr: a live view steps aside for the lines that are written there.
 *
 * @category models
 * @since 0.1.0
 */
export interface Screen {
  readonly write: (text: string) => Effect.Effect<void>
}

/**
 * @category errors
 * @since 0.1.0
 */
export type OutputError = Process.OutputClosed | Process.OutputFailed

/**
 * @category services
 * @since 0.1.0
 */
export class Output extends Context.Service<
  Output,
  {
    readonly json: boolean
    /** Prints a document with `--json`, else the text that is made for people. An empty text prints nothing. */
    readonly print: (document: unknown, text: (look: Look) => string) => Effect.Effect<void, OutputError>
    /** Prints one line of a stream: the document with `--json`, else the text. */
    readonly line: (document: unknown, text: string) => Effect.Effect<void, OutputError>
    /** Writes a text as it is. */
    readonly raw: (text: string) => Effect.Effect<void, OutputError>
    /** Says something on stderr. It never fails: a command does its work whether or not anybody listens. */
    readonly note: (text: string) => Effect.Effect<void>
    readonly look: (stream: Process.Stream) => Effect.Effect<Look>
    /** Lets a live view have stderr until the scope closes; what is said there meanwhile goes through it. */
    readonly takeScreen: (screen: Screen) => Effect.Effect<void, never, Scope.Scope>
  }
>()("@sartor/cli/Output") {}

/**
 * @category constructors
 * @since 0.1.0
 */
export const make = (options: { readonly json: boolean }): Effect.Effect<Output["Service"]> =>
  Effect.map(environment, (environment) => {
    const { json } = options
    const raw = (text: string) => (text === "" ? Effect.void : Process.write("stdout", text))
    const look = (stream: Process.Stream) => lookOf(stream, environment)
    let screen = plain
    return Output.of({
      json,
      raw,
      look,
      print: (document, text) =>
        json ? raw(`${JSON.stringify(document)}\n`) : Effect.flatMap(look("stdout"), (look) => raw(ended(text(look)))),
      line: (document, text) => raw(json ? `${JSON.stringify(document)}\n` : ended(text)),
      note: (text) => Effect.suspend(() => screen.write(ended(text))),
      takeScreen: (own) =>
        Effect.acquireRelease(
          Effect.sync(() => {
            screen = own
          }),
          () =>
            Effect.sync(() => {
              screen = plain
            })
        )
    })
  })

/**
 * Tells of a failure and answers its exit code. Of defects it tells in one line, and all with `SARTOR_DEBUG=1`.
 *
 * @category constructors
 * @since 0.1.0
 */
export const fail = Effect.fnUntraced(function* (
  output: Output["Service"],
  cause: Cause.Cause<Failure.Known | Failure.Ended | OutputError>
) {
  if (Cause.hasInterruptsOnly(cause)) return yield* Effect.interrupt
  const error = Cause.findErrorOption(cause)
  if (Option.isSome(error)) {
    const { value } = error
    if (value._tag === "Ended") return value.exit
    if (value._tag === "OutputClosed") return sigpipe
    if (value._tag === "OutputFailed") {
      yield* output.note(`sartor: ${value.message}`)
      return 1
    }
    return yield* tell(output, Failure.of(value))
  }
  const debug = (yield* environment).debug
  if (debug) yield* output.note(Cause.pretty(cause))
  const squashed = Cause.squash(cause)
  const what = Text.line(squashed instanceof Error ? squashed.message : String(squashed), 500)
  return yield* tell(
    output,
    new Failure.Failure({
      code: "internal",
      message: `this is a mistake in sartor: ${what}`,
      ...(debug ? {} : { hint: "with SARTOR_DEBUG=1 in the environment it tells more" })
    })
  )
})

/** As a shell reports a program that wrote to a pipe without a reader. */
const sigpipe = 141

const tell = Effect.fnUntraced(function* (output: Output["Service"], failure: Failure.Failure) {
  const { code, field, file, hint, line, message, problems } = failure
  const exit = Failure.exits[code]
  if (!output.json) return yield* Effect.as(output.note(inWords(failure)), exit)
  const document = { error: { code, message, field, file, line, hint, problems } }
  return yield* output.raw(`${JSON.stringify(document)}\n`).pipe(
    Effect.as(exit),
    Effect.catch(() => Effect.succeed(exit))
  )
})

/** One line for what is wrong, one for what to do about it; for a workflow file these for each of its mistakes. */
const inWords = ({ file, hint, message, problems }: Failure.Failure): string => {
  const advice = (text: string) => `        ${Text.line(text, 500)}\n`
  if (problems === undefined) {
    return `sartor: ${Text.line(message, 1000)}\n${hint === undefined ? "" : advice(hint)}`
  }
  return problems
    .map((problem) => {
      const { column, hint, line, message } = problem
      const place = `${file}:${line}:${column}`
      return `sartor: ${Text.line(`${place}: ${message}`, 1000)}\n${hint === undefined ? "" : advice(hint)}`
    })
    .join("")
}

/**
 * Logs to stderr, one line an entry, warnings and worse unless `SARTOR_LOG_LEVEL` or `--log-level` says otherwise; as JSON,
 * with the session and the run that it is about, if `SARTOR_LOG_FORMAT` is `json`.
 *
 * @category layers
 * @since 0.1.0
 */
export const layerLogger: Layer.Layer<never, Failure.Failure, Output> = Layer.unwrap(
  Effect.gen(function* () {
    const output = yield* Output
    const { debug } = yield* environment
    const level = yield* Config.option(Config.LogLevel("SARTOR_LOG_LEVEL")).pipe(
      Effect.mapError(() => {
        const levels = "All, Trace, Debug, Info, Warn, Error, Fatal or None"
        return Failure.badInput(`SARTOR_LOG_LEVEL is no log level: use ${levels}`, { field: "SARTOR_LOG_LEVEL" })
      })
    )
    const format = yield* Config.option(Config.Literals(["text", "json"], "SARTOR_LOG_FORMAT")).pipe(
      Effect.mapError(() => Failure.badInput("SARTOR_LOG_FORMAT must be text or json", { field: "SARTOR_LOG_FORMAT" }))
    )
    const asJson = Option.getOrElse(format, () => "text") === "json"
    const logger = Logger.make<unknown, void>(({ cause, date, fiber, logLevel, message }) => {
      const words = (Array.isArray(message) ? message : [message]).map(shown).join(" ")
      const why =
        cause.reasons.length === 0 ? "" : debug ? `\n${Cause.pretty(cause)}` : `: ${shown(Cause.squash(cause))}`
      if (asJson) {
        // With what the line is about, such as session_id and run.
        const about = fiber.getRef(References.CurrentLogAnnotations)
        const entry = { at: date.toISOString(), level: logLevel.toLowerCase(), message: words + why, ...about }
        return void Effect.runFork(output.note(JSON.stringify(entry)))
      }
      const text = debug ? words + why : Text.line(words + why, 1000)
      Effect.runFork(output.note(`sartor: ${logLevel.toLowerCase()}: ${text}`))
    })
    return Layer.merge(
      Logger.layer([logger]),
      Layer.succeed(
        References.MinimumLogLevel,
        Option.getOrElse(level, () => "Warn" as const)
      )
    )
  })
)

const plain: Screen = { write: (text) => Effect.ignore(Process.write("stderr", text)) }

const shown = (value: unknown): string =>
  value instanceof Error ? value.message : typeof value === "string" ? value : (JSON.stringify(value) ?? String(value))

interface Environment {
  readonly noColor: boolean
  readonly unicode: boolean
  readonly dumb: boolean
  readonly debug: boolean
}

const variable = (name: string) => Config.withDefault(Config.String(name), "")

const environment: Effect.Effect<Environment> = Effect.orDie(
  Effect.map(
    Config.all({
      noColor: variable("NO_COLOR"),
      all: variable("LC_ALL"),
      characters: variable("LC_CTYPE"),
      language: variable("LANG"),
      terminal: variable("TERM"),
      debug: variable("SARTOR_DEBUG")
    }),
    ({ all, characters, debug, language, noColor, terminal }) => ({
      noColor: noColor !== "",
      unicode: /utf-?8/i.test(all || characters || language),
      dumb: terminal === "dumb",
      debug: debug !== "" && debug !== "0"
    })
  )
)

const lookOf = (stream: Process.Stream, { dumb, noColor, unicode }: Environment): Effect.Effect<Look> =>
  Effect.gen(function* () {
    const terminal = yield* Process.isTerminal(stream)
    const size = yield* Process.size(stream)
    const width = Option.match(size, { onNone: () => widthOfFiles, onSome: ({ columns }) => columns })
    const animates = !dumb && Option.exists(size, ({ columns, rows }) => columns >= 20 && rows >= 4)
    return { color: terminal && !noColor && !dumb, unicode, animates, width, terminal }
  })

/** What is not shown on a terminal is read in an editor or in the log of a build. */
const widthOfFiles = 100

const ended = (text: string) => (text === "" || text.endsWith("\n") ? text : `${text}\n`)
