/**
 * Finds sessions and handoffs whose writer had no mirror, or died before he came to it.
 *
 * @since 0.1.0
 */
import { Journal, type Sessions, type TransportError, type Wakes } from "@sartor/core"
import { Clock, Effect, Option } from "effect"
import * as path from "node:path"
import { attempt } from "../internal/LogFile.ts"
import * as PlainFile from "../internal/PlainFile.ts"
import type { Options } from "./Importing.ts"
import * as LegacyDirectory from "./LegacyDirectory.ts"
import * as LegacyEdit from "./LegacyEdit.ts"
import * as Projection from "./Projection.ts"
import * as StatusFile from "./StatusFile.ts"
import * as Touched from "./Touched.ts"

/** How often any process looks, in milliseconds. */
const every = 5000

/** Whoever lives mirrors what he writes sooner than this. */
const soon = 2000

/** So many are caught up with at a time, the newest first; `verify --repair` writes them all. */
const limit = 50

/**
 * Notes those that were written to since the last look of any process and are not mirrored.
 *
 * @category constructors
 * @since 0.1.0
 */
export const find = Effect.fn("LegacyMirror.lagging")(function* (
  options: Options
): Effect.fn.Return<
  void,
  TransportError.TransportError,
  Journal.Journal | Sessions.Sessions | Touched.Touched | Wakes.Wakes
> {
  const mark = path.join(options.directory, "sartor", options.namespace ?? "default", "legacy-mirrored")
  const now = yield* Clock.currentTimeMillis
  const last = (yield* attempt("LegacyMirror.lagging", () => PlainFile.modifiedOf(mark))) ?? 0
  if (last <= now && now - last < every) return
  yield* Effect.ignore(attempt("LegacyMirror.lagging", () => PlainFile.touch(mark, now)))
  const journal = yield* Journal.Journal
  const touched = yield* Touched.Touched
  // What was too new for the last look is looked at now.
  const since = last > now ? 0 : last - 2 * soon
  const recent = (heads: ReadonlyArray<Journal.Head>) =>
    heads
      .filter(({ at }) => at >= since && at < now - soon)
      .toSorted((a, b) => b.at - a.at)
      .slice(0, limit)
  const places = LegacyDirectory.placesOf(options.directory)
  for (const { key, version } of recent(yield* journal.heads("session/"))) {
    const id = key.slice("session/".length)
    const found = yield* Effect.option(LegacyEdit.readOnce(places.status(id), StatusFile.parse))
    // One that is damaged is told of elsewhere.
    if (Option.isNone(found)) continue
    const mirrored = Number(StatusFile.textOf(found.value?.value.fields.get(Projection.versionKey)) || 0)
    if (mirrored < version) touched.add({ kind: "session", id })
  }
  for (const { key } of recent(yield* journal.heads("handoff/"))) {
    touched.add({ kind: "handoff", id: `handoff_${key.slice("handoff/".length).replace("-", "_")}` })
  }
})
