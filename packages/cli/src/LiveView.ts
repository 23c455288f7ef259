/**
 * Shows a run on a terminal while it goes on: a line an agent, redrawn in place.
 *
 * @since 0.1.0
 */
import type { Workflow, WorkflowFile } from "@sartor/core"
import { Clock, Effect, Option } from "effect"
import * as Canvas from "./Canvas.ts"
import type { Look, Output } from "./Output.ts"
import * as Process from "./Process.ts"
import * as Progress from "./Progress.ts"
import * as Format from "./report/Format.ts"
import * as Text from "./report/Text.ts"

/**
 * What the view knows of one agent. Times are milliseconds since the epoch.
 *
 * @category models
 * @since 0.1.0
 */
export interface Agent {
  readonly name: string
  readonly state: "waiting" | "running" | "complete" | "failed" | "blocked" | "skipped"
  readonly since?: number
  readonly until?: number
  readonly note: string
}

/**
 * @category models
 * @since 0.1.0
 */
export interface State {
  readonly title: string
  readonly begun: number
  readonly stopping: boolean
  readonly agents: ReadonlyMap<string, Agent>
}

/**
 * @category constructors
 * @since 0.1.0
 */
export const initial = (workflow: WorkflowFile.Workflow, now: number): State => ({
  title: workflow.name,
  begun: now,
  stopping: false,
  agents: new Map(
    workflow.agents.map(({ name, needs }) => [
      name,
      { name, state: "waiting", note: needs.length === 0 ? "waits for a place" : `needs ${Format.listed(needs)}` }
    ])
  )
})

/**
 * What an event makes of the view.
 *
 * @category constructors
 * @since 0.1.0
 */
export const apply = (state: State, event: Workflow.Event, now: number): State => {
  const text = Progress.words(event) ?? Progress.summaryOf(event)
  if (event.type === "begun") return { ...state, title: event.run_id }
  if (event.type === "alert") return state
  const name = event.type === "finished" ? event.finished.agent : event.agent
  const agent = state.agents.get(name)
  if (agent === undefined || text === undefined) return state
  return { ...state, agents: new Map(state.agents).set(name, changed(agent, event, text, now)) }
}

const changed = (
  agent: Agent,
  event: Exclude<Workflow.Event, { type: "alert" | "begun" }>,
  note: string,
  now: number
): Agent => {
  switch (event.type) {
    case "finished": {
      const { status } = event.finished
      const state = status === "cancelled" ? "failed" : status
      const ended = { ...agent, state, note: status === "complete" && !event.remembered ? agent.note : note }
      return agent.since === undefined ? ended : { ...ended, until: now }
    }
    case "session":
      return event.record.type === "started"
        ? { ...agent, state: "running", since: agent.since ?? now, note }
        : { ...agent, note }
    case "delta":
    case "synthesized":
      return { ...agent, note }
  }
}

/**
 * The view as lines of at most `width` columns and `rows` in number: if there are more agents, those that are at work.
 *
 * @category rendering
 * @since 0.1.0
 */
export const frame = (
  state: State,
  now: number,
  { color, rows, unicode, width }: Omit<Look, "animates" | "terminal"> & { readonly rows: number }
): ReadonlyArray<string> => {
  const signs = unicode ? drawn : typed
  const all = [...state.agents.values()]
  const room = Math.max(1, rows - 3)
  const shown = all.length <= room ? all : mostTelling(all, room - 1)
  const names = Math.min(
    shown.reduce((most, { name }) => Math.max(most, name.length), 0),
    Math.max(8, Math.floor(width / 3))
  )
  const paint = (code: string, text: string) => (color ? `\u001b[${code}m${text}\u001b[0m` : text)
  const lineOf = (agent: Agent) => {
    const sign =
      agent.state === "running"
        ? (signs.spinner[Math.floor(now / 120) % signs.spinner.length] ?? "")
        : signs[agent.state]
    const time = agent.since === undefined ? "" : elapsed((agent.until ?? now) - agent.since)
    const head = `${Text.pad(Text.fit(agent.name, names, signs.ellipsis), names)} ${time.padStart(7)}  `
    const left = width - Text.cells(head) - 3
    const note = left < 4 ? "" : Text.fit(Text.line(agent.note, 400), left, signs.ellipsis)
    return `${paint(codes[agent.state], sign)} ${head}${agent.state === "waiting" ? paint("2", note) : note}`
  }
  const time = `${elapsed(now - state.begun)}${state.stopping ? "  stopping" : ""}`
  const title = Text.fit(state.title, Math.max(4, width - time.length - 3), signs.ellipsis)
  const left = all.length - shown.length
  return [
    `${paint("1", title)}  ${paint("2", time)}`,
    ...shown.map(lineOf),
    ...(left > 0 ? [paint("2", `  and ${Format.counted(left, "more agent")}`)] : [])
  ]
}

const order: ReadonlyArray<Agent["state"]> = ["running", "failed", "blocked", "waiting", "complete", "skipped"]

const mostTelling = (agents: ReadonlyArray<Agent>, limit: number) => {
  const kept = new Set(
    agents.toSorted((a, b) => order.indexOf(a.state) - order.indexOf(b.state)).slice(0, Math.max(1, limit))
  )
  return agents.filter((agent) => kept.has(agent))
}

const elapsed = (millis: number) =>
  millis < 100_000 ? `${(Math.max(0, millis) / 1000).toFixed(1)}s` : Format.duration(millis)

const drawn = {
  spinner: ["⠋", "⠙", "⠹", "⠸", "⠼", "⠴", "⠦", "⠧", "⠇", "⠏"],
  waiting: "·",
  complete: "✔",
  failed: "✘",
  blocked: "‖",
  skipped: "-",
  ellipsis: "…"
}
const typed = {
  spinner: ["|", "/", "-", "\\"],
  waiting: ".",
  complete: "+",
  failed: "x",
  blocked: "!",
  skipped: "-",
  ellipsis: "..."
}
const codes = { waiting: "2", running: "36", complete: "32", failed: "31", blocked: "33", skipped: "2" } as const

/**
 * Draws the view on stderr until the scope closes, and answers what takes the events. What is said on stderr meanwhile
 * appears above it.
 *
 * @category constructors
 * @since 0.1.0
 */
export const show = Effect.fnUntraced(function* (
  output: Output["Service"],
  workflow: WorkflowFile.Workflow,
  options: { /** Whether the last view stays. */ readonly stays: boolean }
) {
  let state = initial(workflow, yield* Clock.currentTimeMillis)
  const draw = yield* Canvas.open(output, {
    stream: "stderr",
    stays: options.stays,
    frame: Effect.fnUntraced(function* (room) {
      const stopping = Option.isSome(yield* Process.stoppedBy)
      return frame({ ...state, stopping }, yield* Clock.currentTimeMillis, room)
    })
  })
  yield* Effect.forkScoped(Effect.forever(Effect.andThen(draw, Effect.sleep("120 millis"))))
  return (event: Workflow.Event) =>
    Effect.map(Clock.currentTimeMillis, (now) => {
      state = apply(state, event, now)
    })
})
