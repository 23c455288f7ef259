/**
 * Lines on a terminal that are drawn again in place.
 *
 * @since 0.1.0
 */
import { Effect, Option, Semaphore } from "effect"
import type { Look, Output } from "./Output.ts"
import * as Process from "./Process.ts"
import * as Text from "./report/Text.ts"

/**
 * How much room there is now: lines are at most `width` columns, so that none of them fills the last one.
 *
 * @category models
 * @since 0.1.0
 */
export type Room = Look & { readonly rows: number }

const hideCursor = "\u001b[?25l"
const showCursor = "\u001b[?25h"

/**
 * Takes a terminal until the scope closes, however that comes about, and answers what draws the lines of now on it. What is
 * said on stderr meanwhile appears above them.
 *
 * @category constructors
 * @since 0.1.0
 */
export const open = Effect.fnUntraced(function* (
  output: Output["Service"],
  options: {
    readonly stream: Process.Stream
    /** Whether the last lines stay. */
    readonly stays: boolean
    readonly frame: (room: Room) => Effect.Effect<ReadonlyArray<string>>
  }
) {
  const { stays, stream } = options
  const lock = yield* Semaphore.make(1)
  let drawn: ReadonlyArray<string> = []

  const size = Effect.map(
    Process.size(stream),
    Option.getOrElse(() => ({ columns: 80, rows: 24 }))
  )
  /** Goes back to where the last lines began, however a resized terminal has broken them since. */
  const erase = (columns: number) => {
    const rows = drawn.reduce((sum, line) => sum + Math.max(1, Math.ceil(visible(line) / columns)), 0)
    return drawn.length === 0 ? "" : `\r${rows > 1 ? `\u001b[${rows - 1}A` : ""}\u001b[J`
  }
  const draw = (above: string) =>
    Effect.gen(function* () {
      const look = yield* output.look(stream)
      const { columns, rows } = yield* size
      const next = yield* options.frame({ ...look, width: Math.max(20, columns - 1), rows })
      const text = `${erase(columns)}${above}${next.join("\n")}`
      drawn = next
      yield* Effect.ignore(Process.write(stream, text))
    }).pipe(lock.withPermit)

  const restore = yield* Process.writeAtExit(stream, `\n${showCursor}`)
  yield* Effect.acquireRelease(Effect.ignore(Process.write(stream, hideCursor)), () =>
    Effect.gen(function* () {
      const { columns } = yield* size
      if (stays) yield* draw("")
      yield* Effect.ignore(Process.write(stream, `${stays ? "\n" : erase(columns)}${showCursor}`))
      yield* restore
    })
  )
  yield* output.takeScreen({ write: draw })
  return draw("")
})

/** Columns of a line without its colours. */
const visible = (line: string) => Text.cells(Text.clean(line))
