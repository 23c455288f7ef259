import { text } from "node:stream/consumers"

/** A mistake of whoever started the agent: its message is all they need to see. */
export class InputError extends Error {}

const emit = (line) => process.stdout.write(`${JSON.stringify(line)}\n`)

const readTask = async () => {
  const input = await text(process.stdin)
  try {
    return { inputs: {}, checkpoints: [], ...JSON.parse(input) }
  } catch {
    throw new InputError("stdin must hold one JSON document, the task")
  }
}

const oneLine = (error) => {
  const message = String(error?.message ?? error)
    .replaceAll(/\s+/g, " ")
    .trim()
  return error instanceof InputError ? message : `${error?.name ?? "Error"}: ${message}`
}

const fail = (error) => {
  process.stderr.write(`${oneLine(error)}\n`)
  process.exitCode = 1
}

/** Reads the task, does the work, writes its result; a failure is one line on stderr and exit code 1. */
export const runAgent = async (work) => {
  // A page can make a library throw where nobody waits for it, and whoever reads stdout may leave.
  for (const event of ["uncaughtException", "unhandledRejection"]) process.on(event, fail)
  process.stdout.on("error", () => process.exit(1))
  try {
    const task = await readTask()
    const result = await work({
      task,
      target: process.argv[2],
      checkpoint: (phase, milestone, details) => emit({ type: "checkpoint", phase, milestone, details }),
      turn: (said) => emit({ type: "turn", text: said }),
      finding: (summary) => emit({ type: "finding", summary })
    })
    emit({ type: "result", ...result })
  } catch (error) {
    fail(error)
  }
}

const severities = ["critical", "high", "medium", "low"]

export const severityRank = (severity) => {
  const rank = severities.indexOf(severity)
  return rank === -1 ? severities.length : rank
}

export const byText = (a, b) => (a < b ? -1 : a > b ? 1 : 0)

/** A claim as a list of one, or of none if there is no place in the site to show for it. */
export const claimOf = (severity, confidence, topic, claim, places, facts = []) =>
  places.length > 0 ? [{ topic, claim, confidence, severity, evidence: [...places, ...facts] }] : []

const isPlace = (evidence) => /^\S+:\d+$/.test(evidence)

/** Each piece of evidence once, the places before the rest. */
const tidyEvidence = (evidence) => {
  const unique = [...new Set(evidence)]
  return [...unique.filter(isPlace), ...unique.filter((each) => !isPlace(each))]
}

const worse = (a, b) => (severityRank(a) <= severityRank(b) ? a : b)

const merge = (a, b) => ({
  ...a,
  severity: worse(a.severity, b.severity),
  confidence: Math.max(a.confidence, b.confidence),
  evidence: [...a.evidence, ...b.evidence]
})

/** One claim a topic and sentence, in the same order on every run: worst first, then by topic and sentence. */
export const tidyClaims = (claims) => {
  const merged = new Map()
  for (const claim of claims) {
    const key = `${claim.topic}\n${claim.claim}\n${claim.stance}`
    merged.set(key, merged.has(key) ? merge(merged.get(key), claim) : claim)
  }
  return [...merged.values()]
    .map((claim) => ({ ...claim, evidence: tidyEvidence(claim.evidence) }))
    .sort(
      (a, b) =>
        severityRank(a.severity) - severityRank(b.severity) || byText(a.topic, b.topic) || byText(a.claim, b.claim)
    )
}

const manyOf = (one) => (/[^aeiou]y$/.test(one) ? `${one.slice(0, -1)}ies` : `${one}s`)

export const plural = (count, one) => `${count} ${count === 1 ? one : manyOf(one)}`

/** "3 critical, 2 low" */
export const countBySeverity = (claims) =>
  [...severities, undefined]
    .map((severity) => [severity, claims.filter((claim) => claim.severity === severity).length])
    .filter(([, count]) => count > 0)
    .map(([severity, count]) => `${count} ${severity ?? "without severity"}`)
    .join(", ")

export const size = (bytes) => `${(bytes / 1024).toFixed(bytes < 10240 ? 1 : 0)} kB`
