import { Linter } from "eslint/universal"
import unsanitized from "eslint-plugin-no-unsanitized"

const config = (module) => [
  {
    files: ["**/*"],
    plugins: { "no-unsanitized": unsanitized },
    languageOptions: {
      ecmaVersion: "latest",
      sourceType: module ? "module" : "script",
      globals: { window: "readonly", setTimeout: "readonly", setInterval: "readonly" }
    },
    rules: {
      "no-eval": "error",
      "no-implied-eval": "error",
      "no-new-func": "error",
      "no-unsanitized/method": "error",
      "no-unsanitized/property": "error"
    }
  }
]

// Values that whoever made the link, or filled in the form, decides on.
const untrusted = /\blocation\b|URLSearchParams|document\.(?:referrer|cookie|URL)|\.value\b|window\.name/

const identifiersIn = (code, node) => {
  if (!node?.type) return []
  if (node.type === "Identifier") return [node]
  return (code.visitorKeys[node.type] ?? []).flatMap((key) =>
    [node[key]].flat().flatMap((child) => identifiersIn(code, child))
  )
}

const definitionsOf = (code, identifier) => {
  let scope = code.getScope(identifier)
  while (scope && !scope.set.has(identifier.name)) scope = scope.upper
  return (scope?.set.get(identifier.name)?.defs ?? []).map(({ node }) => node.init).filter(Boolean)
}

const findUntrusted = (code, node, seen = new Set()) => {
  if (!node || seen.has(node)) return undefined
  seen.add(node)
  const match = untrusted.exec(code.getText(node))
  if (match) return { what: match[0], line: code.getLocFromIndex(node.range[0] + match.index).line }
  for (const identifier of identifiersIn(code, node)) {
    for (const definition of definitionsOf(code, identifier)) {
      const found = findUntrusted(code, definition, seen)
      if (found) return found
    }
  }
  return undefined
}

const operationAt = (code, message) => {
  let node = code.getNodeByRangeIndex(code.getIndexFromLoc({ line: message.line, column: message.column - 1 }))
  while (node && !/^(AssignmentExpression|CallExpression|NewExpression)$/.test(node.type)) node = node.parent
  return node
}

const codeRunners = { "no-eval": "eval", "no-implied-eval": "setTimeout(text)", "no-new-func": "new Function" }

const nameOf = (message, operation) =>
  codeRunners[message.ruleId] ?? (operation?.left ?? operation?.callee)?.property?.name ?? "an HTML sink"

const valuesGivenTo = (operation) =>
  operation?.type === "AssignmentExpression" ? [operation.right] : (operation?.arguments ?? [])

/** Where a script runs text as code or writes it as HTML, and the outside value that gets there, if one does. */
export const findSinks = (script) => {
  const linter = new Linter()
  const options = { filename: "script.js", allowInlineConfig: false }
  const messages = linter.verify(script.text, config(script.module), options)
  const place = (line) => `${script.path}:${script.firstLine + line - 1}`
  const fatal = messages.find((message) => message.fatal)
  if (fatal) return { unreadable: `${place(fatal.line ?? 1)} ${fatal.message}`, sinks: [] }
  const code = linter.getSourceCode()
  const sinks = messages.map((message) => {
    const operation = operationAt(code, message)
    const source = valuesGivenTo(operation)
      .map((value) => findUntrusted(code, value))
      .find(Boolean)
    return {
      name: nameOf(message, operation),
      runsCode: message.ruleId in codeRunners,
      at: place(message.line),
      source: source && { at: place(source.line), what: source.what }
    }
  })
  return { sinks }
}
