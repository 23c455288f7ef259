/**
 * The legacy scripts: their arguments, what they print, and how they end. Any mistake is 1, with a usage text on stderr.
 *
 * @since 0.1.0
 */
import { LegacyFiles } from "@sartor/core"
import { FeedbackFile, Feedbacks, Findings } from "@sartor/transport-file/legacy"
import { Effect, type Path } from "effect"
import * as Failure from "../Failure.ts"
import * as Agents from "./Agents.ts"
import * as Reading from "./Reading.ts"

/**
 * What a script has to say.
 *
 * @category models
 * @since 0.1.0
 */
export interface Said {
  readonly stdout: string
  readonly stderr: string
  readonly exit: number
}

type Args = ReadonlyArray<string>
type Script = {
  readonly usage: string
  /** How many arguments there must be at least; what comes after those that it knows is left aside, as it always was. */
  readonly takes: number
  readonly run: (args: Args) => Effect.Effect<Said, Trouble, LegacyFiles.LegacyFiles | Path.Path>
}
type Trouble = Failure.Failure | LegacyFiles.Failure

const say = (stdout: string, exit = 0): Said => ({ stdout: `${stdout}\n`, stderr: "", exit })
const wrong = (message: string, field: string) => Failure.badInput(message, { field })

const oneOf = <A extends string>(what: string, value: string, known: ReadonlyArray<A>) => {
  const found = known.find((one) => one === value)
  return found === undefined
    ? Effect.fail(wrong(`Unknown ${what}: ${value}. Use one of ${known.join(", ")}`, what))
    : Effect.succeed(found)
}

const importanceOf = (text: string) =>
  /^(?:0(?:\.\d+)?|1(?:\.0+)?)$/.test(text)
    ? Effect.succeed(text)
    : Effect.fail(wrong(`The importance is a number from 0.0 to 1.0, not ${text}`, "importance"))

const signals = ["ready_for_implementation", "ready_for_audit", "ready_for_cleanup", "complete"] as const
const receivers = ["IMPLEMENTER", "AUDITOR", "CLEANER", "ORCHESTRATOR"] as const

const scripts = {
  "status-update.sh": {
    usage: "status-update.sh <agentId> <key> <value>",
    takes: 3,
    run: ([agent = "", key = "", value = ""]) =>
      Effect.map(Agents.updateStatus(agent, key, value), (line) => ({
        ...say(line),
        stderr: `status-update.sh: ${Agents.deprecation}`
      }))
  },
  "status-read.sh": {
    usage: "status-read.sh",
    takes: 0,
    run: () =>
      Effect.gen(function* () {
        const { damaged, found } = yield* (yield* LegacyFiles.LegacyFiles).statuses
        return { ...say(Agents.listing(found)), stderr: damaged.map(({ message }) => message).join("\n") }
      })
  },
  "status-cleanup.sh": {
    usage: "status-cleanup.sh",
    takes: 0,
    run: () => Effect.as(Agents.cleanUp, say("Cleanup complete"))
  },
  "checkpoint.sh": {
    usage: `checkpoint.sh <agentId> <${LegacyFiles.Phase.literals.join("|")}> <milestone> [details]`,
    takes: 3,
    run: ([agent = "", phase = "", milestone = "", details]) =>
      Effect.map(Agents.checkpoint(agent, phase, milestone, details), ({ progress }) => {
        const [name, of] = [JSON.stringify(milestone), JSON.stringify(agent)]
        // A number as it always was: 1.0, not 1.
        return say(`{"checkpoint":${name},"phase":"${phase}","progress":${progress},"agent":${of}}`)
      })
  },
  "wake.sh": {
    usage: "wake.sh <agentId> <COMPLETE|BLOCKED|FINDING|ERROR> <message> [normal|high|critical]",
    takes: 3,
    run: ([agent = "", type = "", message = "", priority = "normal"]) =>
      Effect.gen(function* () {
        const files = yield* LegacyFiles.LegacyFiles
        const wake = yield* files.wake(agent, {
          type: yield* oneOf("type", type, LegacyFiles.WakeType.literals),
          message,
          priority: yield* oneOf("priority", priority, LegacyFiles.Priority.literals)
        })
        return say(JSON.stringify({ wakeId: wake.wakeId, agentId: agent, type, priority, status: "sent" }))
      })
  },
  "wake-check.sh": {
    usage: "wake-check.sh [--urgent-only] [--since <timestamp>]",
    takes: 0,
    run: Effect.fnUntraced(function* (args: Args) {
      const { rest, values } = yield* Reading.options(args, { toggles: ["--urgent-only"], values: ["--since"] })
      if (rest.length > 0) return yield* wrong(`Nothing is expected here: ${rest.join(" ")}`, "arguments")
      const texts = yield* Reading.pendingWakes(values.has("--urgent-only"), values.get("--since"))
      return say(Reading.array(texts), texts.length > 0 ? 0 : 1)
    })
  },
  "wake-ack.sh": {
    usage: "wake-ack.sh <wakeId>",
    takes: 1,
    run: ([wakeId = ""]) =>
      Effect.gen(function* () {
        const found = yield* (yield* LegacyFiles.LegacyFiles).acknowledge(wakeId)
        const id = JSON.stringify(wakeId)
        return found._tag === "Some"
          ? say(`{"status": "acknowledged", "wakeId": ${id}}`)
          : { stdout: "", stderr: `{"error":"Wake message not found","wakeId":${id}}`, exit: 1 }
      })
  },
  "handoff-signal.sh": {
    usage: `handoff-signal.sh <agentId> <${signals.join("|")}> <handoffId> <${receivers.join("|")}> [file]`,
    takes: 4,
    run: ([agent = "", status = "", handoffId = "", nextRole = "", file]) =>
      Effect.gen(function* () {
        yield* oneOf("status", status, signals)
        yield* oneOf("role", nextRole, receivers)
        if (file !== undefined) yield* Reading.copyHandoff(file, handoffId)
        const lines = yield* Effect.forEach(
          [
            ["status", status],
            ["handoffId", handoffId],
            ["nextRole", nextRole]
          ] as const,
          ([key, value]) => Agents.updateStatus(agent, key, value)
        )
        return say([...lines, `Handoff signaled: ${handoffId} → ${nextRole}`].join("\n"))
      })
  },
  "finding-write.sh": {
    usage: "finding-write.sh <agentId> <topic> <content> [importance]",
    takes: 3,
    run: ([agentId = "", topic = "", content = "", given = "0.5"]) =>
      Effect.gen(function* () {
        const importance = yield* importanceOf(given)
        const { directory } = yield* LegacyFiles.LegacyFiles
        const { file, finding } = yield* Findings.write(directory, { agentId, topic, content, importance })
        const shown = yield* Reading.shortest(file)
        const [id, about, place] = [finding.findingId, topic, shown].map((text) => JSON.stringify(text))
        return say(`{"findingId":${id},"topic":${about},"importance":${importance},"file":${place}}`)
      })
  },
  "finding-search.sh": {
    usage: "finding-search.sh <topic> [--agent <id>] [--min-importance <x>]",
    takes: 1,
    run: Effect.fnUntraced(function* (args: Args) {
      const { rest, values } = yield* Reading.options(args, { toggles: [], values: ["--agent", "--min-importance"] })
      const [topic, ...more] = rest
      if (topic === undefined || more.length > 0) return yield* wrong("One topic is expected", "topic")
      const importance = yield* importanceOf(values.get("--min-importance") ?? "0")
      const { directory } = yield* LegacyFiles.LegacyFiles
      const agent = values.get("--agent")
      const filter = { topic, agent, minImportance: Number(importance) }
      const { found } = yield* Findings.search(directory, filter)
      const filters = JSON.stringify({ agent: agent ?? null, minImportance: filter.minImportance })
      const findings = Reading.array(found.map(({ text }) => text))
      return say(
        `{"topic":${JSON.stringify(topic)},"filters":${filters},"count":${found.length},"findings":${findings}}`
      )
    })
  },
  "feedback.sh": {
    usage: `feedback.sh <agentId> <${FeedbackFile.Type.literals.join("|")}> <message> [${FeedbackFile.Severity.literals.join("|")}]`,
    takes: 3,
    run: ([targetAgent = "", givenType = "", message = "", givenSeverity = "info"]) =>
      Effect.gen(function* () {
        const type = yield* oneOf("type", givenType, FeedbackFile.Type.literals)
        const severity = yield* oneOf("severity", givenSeverity, FeedbackFile.Severity.literals)
        const { feedbackId } = yield* Feedbacks.give({ targetAgent, type, severity, message })
        return say(JSON.stringify({ feedbackId, targetAgent, type, severity, status: "delivered" }))
      })
  },
  "feedback-check.sh": {
    usage: "feedback-check.sh <agentId>",
    takes: 1,
    run: ([agent = ""]) =>
      Effect.map(Feedbacks.pending(agent), ({ found }) =>
        say(Reading.array(found.map(({ text }) => text)), found.length > 0 ? 0 : 1)
      )
  },
  "feedback-ack.sh": {
    usage: "feedback-ack.sh <agentId> <feedbackId> [response]",
    takes: 2,
    run: ([agent = "", feedbackId = "", response]) =>
      Effect.map(Feedbacks.acknowledge(agent, feedbackId, response), (found) =>
        found ? say(JSON.stringify({ status: "acknowledged", feedbackId, agentId: agent })) : say("[]", 1)
      )
  }
} satisfies { readonly [name: string]: Script }

type Name = keyof typeof scripts

/**
 * The scripts that there are.
 *
 * @category configuration
 * @since 0.1.0
 */
export const names: ReadonlyArray<Name> = [
  "status-update.sh",
  "status-read.sh",
  "status-cleanup.sh",
  "checkpoint.sh",
  "wake.sh",
  "wake-check.sh",
  "wake-ack.sh",
  "handoff-signal.sh",
  "finding-write.sh",
  "finding-search.sh",
  "feedback.sh",
  "feedback-check.sh",
  "feedback-ack.sh"
]

/**
 * Runs a script, and answers what it says.
 *
 * @category constructors
 * @since 0.1.0
 */
export const run = (name: Name, args: Args): Effect.Effect<Said, never, LegacyFiles.LegacyFiles | Path.Path> => {
  const script: Script = scripts[name]
  const usage = `Usage: ${script.usage}`
  if (args.length < script.takes) return Effect.succeed({ stdout: "", stderr: usage, exit: 1 })
  return Effect.catch(script.run(args), (error) => {
    const { code, message } = Failure.of(error)
    const stderr = code === "bad_input" ? `${message}\n${usage}` : `${error.message}`
    return Effect.succeed({ stdout: "", stderr, exit: 1 })
  })
}
