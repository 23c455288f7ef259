/**
 * `sartor monitor`
 *
 * @since 0.1.0
 */
import { Journal } from "@sartor/core"
import { Clock, Duration, Effect, References, Stream } from "effect"
import { Command } from "effect/cli"
import * as Arguments from "../Arguments.ts"
import * as Canvas from "../Canvas.ts"
import * as MonitorView from "../MonitorView.ts"
import { Output } from "../Output.ts"
import { Settings } from "../Settings.ts"
import * as Transport from "../Transport.ts"
import { whenChanged } from "../Watching.ts"

/**
 * @category commands
 * @since 0.1.0
 */
export const monitor = Command.make(
  "monitor",
  { once: Arguments.toggle("once", "Show everything as it is now, and end") },
  Effect.fnUntraced(function* ({ once }) {
    const output = yield* Output
    if (once) {
      const seen = yield* Transport.working(MonitorView.look)
      return yield* output.print(MonitorView.document(seen), (look) => MonitorView.text(look, seen))
    }
    const { animates } = yield* output.look("stdout")
    yield* Transport.following(Effect.scoped(animates && !output.json ? onTerminal : inLines))
  })
).pipe(
  Command.withDescription(
    "Show every session, run, queue, waiting wake and alert, as they change, until it is stopped; or once"
  ),
  Command.withExamples([
    { command: "sartor monitor" },
    { command: "sartor monitor --once" },
    {
      command: "sartor monitor --json | jq -c .alerts",
      description: "For programs: a document whenever something has changed"
    }
  ])
)

/** Hands on what there is, at once and whenever something may have changed. What cannot be read for a while is handed on too. */
const looking = Effect.fnUntraced(function* <E, R>(
  first: MonitorView.Seen,
  tell: (seen: MonitorView.Seen, problem: string | undefined) => Effect.Effect<void, E, R>
) {
  const journal = yield* Journal.Journal
  const keys = ["session/", "workflow/", "inbox/"]
  const changes = Stream.mergeAll(
    keys.map((key) => journal.watch(key)),
    { concurrency: "unbounded" }
  ).pipe(Stream.catch(() => Stream.empty))
  let seen = first
  const again = Effect.result(MonitorView.look).pipe(Effect.provideService(References.MinimumLogLevel, "Error"))
  const step = Effect.gen(function* () {
    const [took, found] = yield* Effect.timed(again)
    if (found._tag === "Success") seen = found.success
    yield* tell(seen, found._tag === "Success" ? undefined : found.failure.message)
    // However much there is to read, more time is spent on nothing than on it.
    yield* Effect.sleep(Math.max(400, 2 * Duration.toMillis(took)))
    return false
  })
  yield* whenChanged(changes, step)
})

const onTerminal = Effect.gen(function* () {
  const output = yield* Output
  const { dataDir, namespace, transport } = yield* Settings
  let seen = yield* MonitorView.look
  let problem: string | undefined
  const where = transport === "file" ? dataDir : transport
  const draw = yield* Canvas.open(output, {
    stream: "stdout",
    stays: true,
    frame: (room) =>
      Effect.map(Clock.currentTimeMillis, (now) => {
        const title = problem === undefined ? `${where}, ${namespace}` : `cannot be read: ${problem}`
        return MonitorView.frame(seen, now, title, room)
      })
  })
  // Ages and the clock pass by themselves.
  yield* Effect.forkScoped(Effect.forever(Effect.andThen(draw, Effect.sleep("1 second"))))
  yield* looking(seen, (found, why) => {
    seen = found
    problem = why
    return draw
  })
})

const inLines = Effect.gen(function* () {
  const output = yield* Output
  const look = yield* output.look("stdout")
  let before = ""
  yield* looking(yield* MonitorView.look, (seen) => {
    const now = MonitorView.fingerprint(seen)
    if (now === before) return Effect.void
    const separator = before === "" ? "" : "\n"
    before = now
    const document = MonitorView.document(seen)
    return output.line(document, `${separator}${document.at}\n\n${MonitorView.text(look, seen)}`)
  })
})
