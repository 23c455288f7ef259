// What the processes that the tests started have executed: V8's own records, brought back to the lines of the sources.
import { TraceMap, generatedPositionFor, LEAST_UPPER_BOUND } from "@jridgewell/trace-mapping"
import { existsSync, readdirSync, readFileSync } from "node:fs"
import { dirname, join, resolve } from "node:path"
import { fileURLToPath } from "node:url"

/** Where each line of a text begins. */
const linesOf = (text) => {
  const starts = [0]
  for (let at = text.indexOf("\n"); at >= 0; at = text.indexOf("\n", at + 1)) starts.push(at + 1)
  return starts
}

/** Where a statement begins in what was bundled; where its beginning was taken away, the first of it that is there. */
const placeOf = (map, source, { end, start }) => {
  const found = generatedPositionFor(map, { source, ...start })
  if (found.line !== null) return found
  for (let line = start.line; line <= end.line; line++) {
    const column = line === start.line ? start.column : 0
    const next = generatedPositionFor(map, { source, line, column, bias: LEAST_UPPER_BOUND })
    if (next.line !== null) return next
  }
  return undefined
}

/** A statement in a script: `mark` says that it was executed. */
const statementsOf = (script, files, dist) => {
  const marks = []
  const add = (file, id, offset) => marks.push({ offset, mark: () => (file.s[id] = Math.max(1, file.s[id])) })
  const own = files.get(script)
  if (own !== undefined) {
    // Types are replaced by blanks where Node runs a source itself: everything stands where it stood.
    const starts = linesOf(readFileSync(script, "utf8"))
    for (const [id, { start }] of Object.entries(own.statementMap)) {
      add(own, id, (starts[start.line - 1] ?? 0) + start.column)
    }
  } else if (dirname(script) === dist && existsSync(`${script}.map`)) {
    const starts = linesOf(readFileSync(script, "utf8"))
    const map = new TraceMap(readFileSync(`${script}.map`, "utf8"))
    for (const source of map.sources) {
      const file = files.get(resolve(dist, source ?? ""))
      if (file === undefined) continue
      for (const [id, statement] of Object.entries(file.statementMap)) {
        const found = placeOf(map, source, statement)
        if (found !== undefined) add(file, id, (starts[found.line - 1] ?? 0) + found.column)
      }
    }
  }
  return marks.sort((a, b) => a.offset - b.offset)
}

/** Marks every statement whose innermost range was executed. */
const mark = (functions, statements) => {
  const ranges = functions
    .flatMap(({ ranges }) => ranges)
    .sort((a, b) => a.startOffset - b.startOffset || b.endOffset - a.endOffset)
  const around = []
  let next = 0
  for (const { mark, offset } of statements) {
    for (; next < ranges.length && ranges[next].startOffset <= offset; next++) {
      while (around.length > 0 && around.at(-1).endOffset <= ranges[next].startOffset) around.pop()
      around.push(ranges[next])
    }
    while (around.length > 0 && around.at(-1).endOffset <= offset) around.pop()
    if ((around.at(-1)?.count ?? 0) > 0) mark()
  }
}

/** Adds what is recorded in a folder to the coverage of files, and answers how many processes have told. */
export const addProcesses = (folder, coverage, dist) => {
  const files = new Map(Object.entries(coverage))
  const known = new Map()
  const records = existsSync(folder) ? readdirSync(folder) : []
  let told = 0
  for (const name of records) {
    let record
    try {
      record = JSON.parse(readFileSync(join(folder, name), "utf8"))
    } catch {
      // Its process was killed while it wrote.
      continue
    }
    told += 1
    for (const { functions, url } of record.result) {
      if (!url.startsWith("file://")) continue
      const script = fileURLToPath(url.split("?")[0])
      if (!known.has(script)) known.set(script, statementsOf(script, files, dist))
      const statements = known.get(script)
      if (statements.length > 0) mark(functions, statements)
    }
  }
  return told
}
