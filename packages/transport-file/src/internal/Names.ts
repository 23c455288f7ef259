/**
 * Where keys lie. A key is slugs joined by `/`, and a slug has no dot: `<key>.log` is the first segment of its log, and later
 * ones may be called `<key>.1.log` without meeting a key of that name.
 */
import { Key } from "@sartor/core"
import * as path from "node:path"
import * as LogFile from "./LogFile.ts"
import type { Store } from "./Store.ts"

const extension = ".log"

export const pathOf = (root: string, key: string): string => path.join(root, ...key.split("/")) + extension

/** The key of a file below a directory that stands for the first part of it, if the name is one. */
export const keyOf = (parent: string, name: string): string | undefined => {
  if (!name.endsWith(extension)) return undefined
  const key = join(parent, name.slice(0, -extension.length))
  return Key.isKey(key) ? key : undefined
}

/** The part of a key that its directory stands for. */
export const parentOf = (key: string): string => key.slice(0, Math.max(key.lastIndexOf("/"), 0))

export const join = (parent: string, name: string): string => (parent === "" ? name : `${parent}/${name}`)

/** How many files are looked at before others get their turn. */
const pace = 256

export interface Visitor {
  readonly onDirectory?: (directory: string, parent: string) => void
  readonly onKey: (key: string, file: string) => void
  /** Something that is in the way of a key: a link, a pipe. */
  readonly onOther: (file: string, kind: string) => void
}

/** Visits the keys that start with a prefix; pauses at each `yield`. */
export function* visit(
  store: Store,
  root: string,
  prefix: string,
  visitor: Visitor,
  parent = ""
): Generator<void, void> {
  const directory = path.join(root, parent)
  visitor.onDirectory?.(directory, parent)
  let count = 0
  for (const { kind, name } of store.descriptors.spare(() => LogFile.list(directory))) {
    const file = path.join(directory, name)
    const key = keyOf(parent, name)
    if (kind === "directory") {
      const inner = `${join(parent, name)}/`
      if (inner.startsWith(prefix) || prefix.startsWith(inner))
        yield* visit(store, root, prefix, visitor, join(parent, name))
    } else if (key?.startsWith(prefix)) {
      if (kind === "file") visitor.onKey(key, file)
      else visitor.onOther(file, kind)
    }
    if (++count % pace === 0) yield
  }
}
