/**
 * Notes which sessions and handoffs this process writes to, so that it can mirror them.
 *
 * @since 0.1.0
 */
import { Journal } from "@sartor/core"
import { Context, Effect, Layer, Option, Schema } from "effect"

/**
 * @category models
 * @since 0.1.0
 */
export interface One {
  readonly kind: "session" | "handoff"
  readonly id: string
}

/**
 * @category services
 * @since 0.1.0
 */
export class Touched extends Context.Service<
  Touched,
  {
    /** What was touched since it was last asked. */
    readonly take: () => ReadonlyArray<One>
    /** Notes one that somebody else has written to, and not mirrored. */
    readonly add: (one: One) => void
  }
>()("@sartor/transport-file/legacy/Touched") {}

/**
 * A journal that notes what it writes.
 *
 * @category layers
 * @since 0.1.0
 */
export const layer: Layer.Layer<Touched | Journal.Journal, never, Journal.Journal> = Layer.effectContext(
  Effect.gen(function* () {
    const journal = yield* Journal.Journal
    const touched = new Map<string, One>()
    const add = (one: One) => void touched.set(`${one.kind}/${one.id}`, one)
    const note = (key: string, records: ReadonlyArray<unknown>) => {
      for (const one of subjects(key, records)) add(one)
    }
    const noting = Journal.Journal.of({
      ...journal,
      append: (key, expected, records, options) =>
        Effect.tap(journal.append(key, expected, records, options), () =>
          // Without records it was only asked how things stand.
          records.length === 0 ? Effect.void : Effect.sync(() => note(key, records))
        ),
      delete: (key) => Effect.tap(journal.delete(key), () => Effect.sync(() => note(key, [])))
    })
    const take = () => {
      const all = [...touched.values()]
      touched.clear()
      return all
    }
    return Context.make(Touched, Touched.of({ take, add })).pipe(Context.add(Journal.Journal, noting))
  })
)

/** What a process keeps to itself is mirrored like the rest. */
const subjects = (key: string, records: ReadonlyArray<unknown>): ReadonlyArray<One> => {
  const [kind = "", id = ""] = key.replace(/^here\//, "").split("/")
  switch (kind) {
    case "session":
    case "legacy":
      return [{ kind: "session", id }]
    case "handoff":
      return [{ kind: "handoff", id: `handoff_${id.replace("-", "_")}` }]
    case "inbox":
      return records.flatMap((record) =>
        Option.match(decodeWake(record), {
          onNone: () => [],
          onSome: ({ wake_id, wake }) => [{ kind: "session", id: (wake?.wake_id ?? wake_id ?? "").split("/")[0] ?? "" }]
        })
      )
    default:
      return []
  }
}

const WakeId = Schema.optionalKey(Schema.String)
const decodeWake = Schema.decodeUnknownOption(
  Schema.Struct({ wake_id: WakeId, wake: Schema.optionalKey(Schema.Struct({ wake_id: WakeId })) })
)
