/** A `${…}` that names no variable; one that is not closed has no name at all. */
export interface Unknown {
  readonly source: string
  readonly variable: string | undefined
  /** How often the same stands in the text before it. */
  readonly before: number
}

/** A string with its variables in it, and the `${…}` that name none, as they stand in the text. */
export interface Substituted {
  readonly text: string
  readonly unknown: ReadonlyArray<Unknown>
}

/**
 * Replaces each `${name}` and turns `$${` into a literal `${`. Values go in as they are and are never looked through
 * again. Nothing when the text would become longer than `limit`.
 */
export const substitute = (
  text: string,
  variables: ReadonlyMap<string, string>,
  limit: number
): Substituted | undefined => {
  const parts: Array<string> = []
  const unknown = new Map<string, Unknown>()
  let [end, length] = [0, text.length]
  for (const match of text.matchAll(/\$\$\{|\$\{(?:([^{}\n]*)\}|[^{}\n]{0,24})/g)) {
    const [source, variable] = match
    const value = source === "$${" ? "${" : variables.get(variable ?? "")
    if (value === undefined && !unknown.has(source) && unknown.size < most) {
      const before = text.slice(0, match.index).split(source).length - 1
      unknown.set(source, { source, variable, before })
    }
    parts.push(text.slice(end, match.index), value ?? source)
    end = match.index + source.length
    length += (value ?? source).length - source.length
    if (length > limit) {
      return undefined
    }
  }
  return { text: parts.join("") + text.slice(end), unknown: [...unknown.values()] }
}

const most = 100
