/** A string with its variables in it, and the `${…}` that name none, as they stand in the text. */
export interface Substituted {
  readonly text: string
  readonly unknown: ReadonlyArray<{ readonly source: string; readonly variable: string | undefined }>
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
  const unknown = new Map<string, string | undefined>()
  let [end, length] = [0, text.length]
  for (const match of text.matchAll(/\$\$\{|\$\{(?:([^{}\n]*)\}|[^{}\n]{0,24})/g)) {
    const [source, variable] = match
    const value = source === "$${" ? "${" : variables.get(variable ?? "")
    if (value === undefined) {
      unknown.set(source, variable)
    }
    parts.push(text.slice(end, match.index), value ?? source)
    end = match.index + source.length
    length += (value ?? source).length - source.length
    if (length > limit) {
      return undefined
    }
  }
  return {
    text: parts.join("") + text.slice(end),
    unknown: [...unknown].map(([source, variable]) => ({ source, variable }))
  }
}
