/**
 * The one folder that an agent's tools work in. Whatever a path says, and whatever links lie in the folder: nothing outside
 * of it is read, listed or written.
 *
 * @since 0.1.0
 */
import { Effect, FileSystem, Option, Path, type PlatformError } from "effect"
import { ToolFailed } from "./Tool.ts"

/**
 * @category models
 * @since 0.1.0
 */
export interface Workspace {
  /** Absolute, with all links followed. */
  readonly root: string
  /** The real, absolute path of something that is there. */
  readonly existing: (path: string) => Effect.Effect<string, ToolFailed>
  /** The real, absolute path of a file that is there, or can be made; `isThere` says which. */
  readonly writable: (path: string) => Effect.Effect<{ readonly path: string; readonly isThere: boolean }, ToolFailed>
  /** A path as an agent sees it. */
  readonly shown: (path: string) => string
}

/**
 * Opens a folder that is there. Between a check and what is then done to a file somebody else could still put a link in
 * its place: who shares the folder with an agent must not be its enemy.
 *
 * @category constructors
 * @since 0.1.0
 */
export const open = Effect.fn("Workspace.open")(function* (folder: string) {
  const fs = yield* FileSystem.FileSystem
  const path = yield* Path.Path
  const root = yield* Effect.mapError(
    fs.realPath(path.resolve(folder)),
    () => new ToolFailed({ why: `There is no folder ${folder} to work in` })
  )
  const isInside = (real: string) => real === root || real.startsWith(root.endsWith(path.sep) ? root : root + path.sep)
  const outside = (given: string) =>
    new ToolFailed({ why: `${JSON.stringify(given)} is outside of the workspace: use paths below it` })
  const missing = (given: string) => new ToolFailed({ why: `There is no ${JSON.stringify(given)} in the workspace` })

  const located = Effect.fnUntraced(function* (given: string) {
    if (given.includes("\0")) return yield* new ToolFailed({ why: "A path has no NUL in it" })
    const wanted = path.resolve(root, given)
    return isInside(wanted) ? wanted : yield* outside(given)
  })
  /** Nothing, if there is nothing of that name. A link to nowhere is there, and leads nowhere. */
  const followed = (given: string, wanted: string): Effect.Effect<Option.Option<string>, ToolFailed> =>
    fs.realPath(wanted).pipe(
      Effect.asSome,
      Effect.catch((error) =>
        error.reason._tag !== "NotFound"
          ? Effect.fail(failed(given, error))
          : Effect.matchEffect(fs.readLink(wanted), {
              onFailure: () => Effect.succeedNone,
              onSuccess: () => Effect.fail(new ToolFailed({ why: `${JSON.stringify(given)} is a link to nowhere` }))
            })
      ),
      Effect.flatMap((real) =>
        Option.isSome(real) && !isInside(real.value) ? Effect.fail(outside(given)) : Effect.succeed(real)
      )
    )

  const existing = Effect.fnUntraced(function* (given: string) {
    const real = yield* followed(given, yield* located(given))
    return Option.isSome(real) ? real.value : yield* missing(given)
  })
  const writable = Effect.fnUntraced(function* (given: string) {
    const wanted = yield* located(given)
    if (wanted === root) return yield* new ToolFailed({ why: "The workspace itself is not a file" })
    const real = yield* followed(given, wanted)
    if (Option.isSome(real)) return { path: real.value, isThere: true }
    // The nearest folder above it that is there says where it would really be.
    let above = path.dirname(wanted)
    let found = yield* followed(given, above)
    while (Option.isNone(found) && above !== root) {
      above = path.dirname(above)
      found = yield* followed(given, above)
    }
    const base = Option.getOrElse(found, () => root)
    return { path: path.join(base, path.relative(above, wanted)), isThere: false }
  })
  const workspace: Workspace = {
    root,
    existing,
    writable,
    shown: (real) => path.relative(root, real) || "."
  }
  return workspace
})

/**
 * What the file system said, for the agent: without the folders above its own.
 *
 * @category constructors
 * @since 0.1.0
 */
export const failed = (given: string, error: PlatformError.PlatformError): ToolFailed =>
  new ToolFailed({ why: `${JSON.stringify(given)}: ${reasons[error.reason._tag] ?? "it cannot be used"}` })

const reasons: { readonly [tag: string]: string } = {
  NotFound: "it is not there",
  AlreadyExists: "it is there already",
  PermissionDenied: "it may not be used",
  BadResource: "it is not of that kind",
  Busy: "it is in use",
  TimedOut: "it took too long"
}
