import { Schema, SchemaIssue } from "effect"

/** The first thing that a schema refused, with its JSON pointer. */
export const firstIssue = (error: Schema.SchemaError): { readonly path: string; readonly message: string } => {
  const [first] = format(error.issue).issues
  return { path: pointer(first?.path ?? []), message: first?.message ?? error.message }
}

const format = SchemaIssue.makeFormatterStandardSchemaV1()

/** What a schema refused, as `<JSON pointer>: <what was expected>`, one after another. */
export const pointTo = (error: Schema.SchemaError): string =>
  format(error.issue)
    .issues.map(({ message, path = [] }) => `${pointer(path)}: ${message}`)
    .join("; ")

const pointer = (path: ReadonlyArray<PropertyKey | { readonly key: PropertyKey }>) =>
  path.length === 0
    ? "/"
    : path
        .map((part) => String(typeof part === "object" ? part.key : part))
        .map((key) => `/${key.replaceAll("~", "~0").replaceAll("/", "~1")}`)
        .join("")
