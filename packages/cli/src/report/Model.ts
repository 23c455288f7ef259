/**
 * Prepares a run for reading: text made safe, times measured, claims sorted, citations resolved.
 *
 * @since 0.1.0
 */
import { Claims, type Agent } from "@sartor/core"
import { DateTime, Option } from "effect"
import * as Findings from "./Findings.ts"
import * as Format from "./Format.ts"
import type { ReportAgent, ReportInput, ReportRun } from "./ReportInput.ts"
import * as Text from "./Text.ts"

/**
 * How bad a claim is, worst first; `unrated` where its agent did not say.
 *
 * @category models
 * @since 0.1.0
 */
export const severities = ["critical", "high", "medium", "low", "unrated"] as const

/**
 * @category models
 * @since 0.1.0
 */
export type Severity = (typeof severities)[number]

/**
 * One claim of one agent, with every default filled in.
 *
 * @category models
 * @since 0.1.0
 */
export interface Claim {
  readonly id: string
  readonly agent: string
  readonly topic: string
  readonly text: string
  readonly stance: Agent.Stance
  readonly confidence: number
  readonly evidence: ReadonlyArray<string>
  readonly severity: Severity
}

/**
 * How an agent ended, in four kinds.
 *
 * @category models
 * @since 0.1.0
 */
export type Tone = "good" | "bad" | "waiting" | "idle"

/**
 * One agent; times are milliseconds since the run began.
 *
 * @category models
 * @since 0.1.0
 */
export interface AgentView {
  readonly name: string
  readonly status: string
  readonly tone: Tone
  /** Why it did not complete. */
  readonly reason: string | undefined
  readonly summary: string | undefined
  readonly role: string | undefined
  readonly taskType: string | undefined
  readonly sessionId: string | undefined
  readonly needs: ReadonlyArray<string>
  readonly attempts: number | undefined
  readonly wakes: number | undefined
  readonly start: number | undefined
  readonly end: number | undefined
  readonly duration: number | undefined
  readonly confidence: number | undefined
  readonly claims: ReadonlyArray<Claim>
  readonly files: ReadonlyArray<string>
  readonly issues: ReadonlyArray<{
    readonly severity: Severity
    readonly description: string
    readonly recommendation: string | undefined
  }>
}

/**
 * Where a run's time went, in milliseconds; a figure that cannot be had is left out.
 *
 * @category models
 * @since 0.1.0
 */
export interface Times {
  readonly wall: number | undefined
  readonly sum: number | undefined
  /** `1 - wall / sum`. */
  readonly saved: number | undefined
  /** The most agents at work in one moment. */
  readonly peak: number
  /** When each agent worked, from the begin of the run, in the order of their start. */
  readonly parts: ReadonlyArray<{ readonly name: string; readonly from: number; readonly length: number }>
}

/**
 * A run as both renderers read it.
 *
 * @category models
 * @since 0.1.0
 */
export interface Model extends Findings.Findings {
  readonly workflow: string
  readonly runId: string
  readonly status: string
  readonly tone: Tone
  readonly verdict: string
  readonly startedAt: string | undefined
  readonly finishedAt: string | undefined
  /** By start, then by name; those that never started come last. */
  readonly agents: ReadonlyArray<AgentView>
  /** The agent that had the last synthesis to work from, if it said something. */
  readonly conclusion: AgentView | undefined
  /** The worst first, then the surest. */
  readonly claims: ReadonlyArray<Claim>
  readonly times: Times
  /** Length of the time axis. */
  readonly span: number
  readonly baseline: (Times & { readonly status: string; readonly savedAgainst: number | undefined }) | undefined
  readonly metrics: NonNullable<ReportRun["metrics"]>
}

/**
 * @category constructors
 * @since 0.1.0
 */
export const make = (input: ReportInput): Model => {
  const origin = originOf(input)
  const agents = input.agents.map((agent) => viewOf(agent, origin)).toSorted(byStart)
  const claims = agents.flatMap((agent) => agent.claims).toSorted(byWeight)
  const findings = Findings.make(input)
  const steps = new Set(findings.censuses.map(({ step }) => step))
  const times = timesOf(input)
  const ends = agents.flatMap((agent) => [agent.start ?? 0, agent.end ?? 0])
  const baseline = input.baseline === undefined ? undefined : timesOf(input.baseline)
  return {
    ...findings,
    workflow: Text.line(input.workflow, 120),
    runId: Text.line(input.run_id, 160),
    status: Text.line(input.status, 40),
    tone: toneOf(input.status),
    verdict: verdictOf(input.status, agents, findings),
    startedAt: input.started_at,
    finishedAt: input.finished_at,
    agents,
    conclusion: agents.findLast(({ name, summary }) => steps.has(name) && summary !== undefined),
    claims,
    times,
    span: ends.reduce((most, end) => Math.max(most, end), times.wall ?? 0),
    baseline:
      input.baseline === undefined || baseline === undefined
        ? undefined
        : { ...baseline, status: Text.line(input.baseline.status, 40), savedAgainst: share(times.wall, baseline.wall) },
    metrics: input.metrics ?? []
  }
}

/**
 * Counts claims by severity, worst first, without the empty ones.
 *
 * @category formatting
 * @since 0.1.0
 */
export const countBySeverity = (
  claims: ReadonlyArray<{ readonly severity: Severity }>
): ReadonlyArray<{ readonly severity: Severity; readonly count: number }> =>
  severities
    .map((severity) => ({ severity, count: claims.filter((claim) => claim.severity === severity).length }))
    .filter(({ count }) => count > 0)

/**
 * At most `limit` agents in their order; those that did not complete stay before those that did.
 *
 * @category formatting
 * @since 0.1.0
 */
export const mostTelling = (agents: ReadonlyArray<AgentView>, limit: number): ReadonlyArray<AgentView> => {
  const kept = new Set(
    [...agents.filter(({ tone }) => tone !== "good"), ...agents.filter(({ tone }) => tone === "good")].slice(0, limit)
  )
  return agents.filter((agent) => kept.has(agent))
}

const originOf = (run: ReportRun): number =>
  [run.started_at, ...run.agents.map((agent) => agent.started_at)]
    .map(millis)
    .reduce<number>((least, time) => Math.min(least, time ?? Infinity), Infinity)

const millis = (time: string | undefined): number | undefined =>
  time === undefined ? undefined : Option.getOrUndefined(Option.map(DateTime.make(time), DateTime.toEpochMillis))

const viewOf = (agent: ReportAgent, origin: number): AgentView => {
  const name = Text.line(agent.name, 80)
  const result = agent.result
  const started = millis(agent.started_at)
  const finished = millis(agent.finished_at)
  const start = started === undefined ? undefined : started - origin
  const end = start === undefined || finished === undefined ? undefined : Math.max(start, finished - origin)
  const tone = toneOf(agent.status)
  return {
    name,
    status: Text.line(agent.status, 40),
    tone,
    reason: tone === "good" ? undefined : reasonOf(agent),
    summary: result === undefined ? undefined : Text.block(result.summary, 2_000),
    role: agent.role === undefined ? undefined : Text.line(agent.role, 64),
    taskType: agent.task_type === undefined ? undefined : Text.line(agent.task_type, 64),
    sessionId: agent.session_id === undefined ? undefined : Text.line(agent.session_id, 130),
    needs: (agent.needs ?? []).map((need) => Text.line(need, 80)),
    attempts: agent.attempts,
    wakes: agent.wakes,
    start,
    end,
    duration: start === undefined || end === undefined ? undefined : end - start,
    confidence: result?.confidence,
    claims: (result === undefined ? [] : Claims.read(agent.name, [result]))
      .map((claim): Claim => ({
        id: claim.id,
        agent: name,
        topic: Text.line(claim.topic, 200),
        text: Text.block(claim.claim, 600),
        stance: claim.stance,
        confidence: claim.confidence,
        evidence: claim.evidence,
        severity: claim.severity ?? "unrated"
      }))
      .toSorted(byWeight),
    files: (result?.files ?? []).map((file) => Text.line(typeof file === "string" ? file : file.path, 300)),
    issues: (result?.issues ?? []).map((issue) => ({
      severity: issue.severity,
      description: Text.line(issue.description, 400),
      recommendation: issue.recommendation === undefined ? undefined : Text.line(issue.recommendation, 400)
    }))
  }
}

const tones = new Map<string, Tone>([
  ["complete", "good"],
  ["failed", "bad"],
  ["insufficient", "bad"],
  ["blocked", "waiting"],
  ["degraded", "waiting"]
])

const toneOf = (status: string): Tone => tones.get(status) ?? "idle"

const reasonOf = (agent: ReportAgent): string | undefined =>
  agent.error !== undefined
    ? Text.line(
        agent.error.message === ""
          ? agent.error.code
          : agent.error.code === agent.status
            ? agent.error.message
            : `${agent.error.code}: ${agent.error.message}`,
        400
      )
    : agent.result === undefined
      ? undefined
      : Text.line(agent.result.summary, 400)

const compare = (left: string, right: string): number => (left < right ? -1 : left > right ? 1 : 0)

const byStart = (left: AgentView, right: AgentView): number =>
  (left.start ?? Infinity) === (right.start ?? Infinity)
    ? compare(left.name, right.name)
    : (left.start ?? Infinity) - (right.start ?? Infinity)

const byWeight = (left: Claim, right: Claim): number =>
  severities.indexOf(left.severity) - severities.indexOf(right.severity) ||
  right.confidence - left.confidence ||
  compare(left.agent, right.agent) ||
  compare(left.topic, right.topic) ||
  compare(left.text, right.text)

const verdictOf = (status: string, agents: ReadonlyArray<AgentView>, findings: Findings.Findings): string => {
  const complete = agents.filter((agent) => agent.tone === "good").length
  const others = agents.filter((agent) => agent.tone !== "good")
  const blocking = findings.conflicts.filter((conflict) => conflict.blocking).length
  return [
    agents.length === 0
      ? "The run had no agents."
      : others.length === 0
        ? agents.length === 1
          ? "The one agent completed."
          : `All ${Format.count(agents.length)} agents completed.`
        : `${Format.count(complete)} of ${Format.counted(agents.length, "agent")} completed; ${Format.listed(
            others.map((agent) => `${agent.name} ${past.get(agent.status) ?? `is ${agent.status}`}`),
            4
          )}.`,
    status === "blocked" && "The run waits for a person.",
    findings.conflicts.length > 0 &&
      `${Format.counted(findings.conflicts.length, "conflict")} kept with both sides${
        blocking === 0 ? "" : `, ${Format.count(blocking)} of them blocking`
      }.`
  ]
    .filter((sentence) => sentence !== false)
    .join(" ")
}

const past = new Map([
  ["failed", "failed"],
  ["skipped", "was skipped"],
  ["cancelled", "was cancelled"]
])

const share = (part: number | undefined, whole: number | undefined): number | undefined =>
  part === undefined || whole === undefined || whole === 0 ? undefined : 1 - part / whole

const timesOf = (run: ReportRun): Times => {
  const intervals = run.agents.flatMap((agent) => {
    const start = millis(agent.started_at)
    const end = millis(agent.finished_at)
    return start === undefined || end === undefined ? [] : [{ name: agent.name, start, end: Math.max(start, end) }]
  })
  const start = millis(run.started_at) ?? intervals.reduce((least, { start }) => Math.min(least, start), Infinity)
  const open = run.agents.some((agent) => agent.started_at !== undefined && agent.finished_at === undefined)
  const end =
    millis(run.finished_at) ?? (open ? Infinity : intervals.reduce((most, { end }) => Math.max(most, end), -Infinity))
  const wall = Number.isFinite(start) && Number.isFinite(end) ? Math.max(0, end - start) : undefined
  const sum = intervals.length === 0 ? undefined : intervals.reduce((total, { end, start }) => total + end - start, 0)
  const parts = intervals
    .toSorted((left, right) => left.start - right.start || compare(left.name, right.name))
    .map((interval) => ({
      name: Text.line(interval.name, 80),
      from: Math.max(0, interval.start - start),
      length: interval.end - interval.start
    }))
  return { wall, sum, saved: share(wall, sum), peak: peakOf(intervals), parts }
}

const peakOf = (intervals: ReadonlyArray<{ readonly start: number; readonly end: number }>): number => {
  const events = intervals
    .filter(({ end, start }) => end > start)
    .flatMap(({ end, start }) => [
      { at: start, change: 1 },
      { at: end, change: -1 }
    ])
    .toSorted((left, right) => left.at - right.at || left.change - right.change)
  let now = 0
  let peak = 0
  for (const { change } of events) {
    now += change
    peak = Math.max(peak, now)
  }
  return peak
}
