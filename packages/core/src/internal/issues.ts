import { Schema, SchemaIssue } from "effect"

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
