/**
 * `sartor session create`
 *
 * @since 0.1.0
 */
import { Sessions } from "@sartor/core"
import { Effect, Option } from "effect"
import { Command, Flag } from "effect/cli"
import * as Arguments from "../Arguments.ts"
import * as Documents from "../Documents.ts"
import { Output } from "../Output.ts"
import * as SessionRunner from "../SessionRunner.ts"
import * as Transport from "../Transport.ts"

/**
 * @category commands
 * @since 0.1.0
 */
export const sessionCreate = Command.make(
  "create",
  {
    role: Flag.String("role").pipe(
      Flag.withMetavar("<role>"),
      Flag.withDescription("PLANNER, IMPLEMENTER, AUDITOR, CLEANER, ORCHESTRATOR, OBSERVER, or one of SARTOR_ROLES")
    ),
    taskType: Flag.String("task-type").pipe(
      Flag.withMetavar("<type>"),
      Flag.withDescription("What kind of work it is, such as security")
    ),
    id: Arguments.text("id", "id", "Its id; made of role, task type and eight characters by default"),
    prompt: Arguments.text("prompt", "text", "What it has to do"),
    meta: Arguments.many("meta", "key=value", "Something to know about it; may be given again"),
    parent: Arguments.text("parent", "id", "The session that it belongs to"),
    orchestrator: Arguments.text("orchestrator", "name", "Who is woken; main by default"),
    ...SessionRunner.flags
  },
  Effect.fnUntraced(function* ({ id, meta, orchestrator, parent, prompt, role, taskType, ...work }) {
    const output = yield* Output
    const options = {
      ...(yield* SessionRunner.read(work, Option.getOrUndefined(prompt))),
      role,
      taskType,
      id: Option.getOrUndefined(id),
      prompt: Option.getOrUndefined(prompt),
      metadata: yield* Arguments.readPairs("meta", meta),
      orchestrator: yield* Arguments.readOrchestrator(orchestrator),
      parentId: Option.isNone(parent) ? undefined : yield* Arguments.readSessionId(parent.value, "parent")
    }
    if (options.id !== undefined) yield* Arguments.readSessionId(options.id)
    yield* Arguments.readRole(Option.some(role))
    const session = yield* Transport.working(
      Effect.gen(function* () {
        const sessions = yield* Sessions.Sessions
        if (options.parentId !== undefined) yield* sessions.get(options.parentId)
        return yield* sessions.create(options)
      })
    )
    yield* output.print(Documents.session(session), () => session.session_id)
  })
).pipe(
  Command.withDescription("Create a session and print its id"),
  Command.withExamples([
    { command: 'sartor session create --role auditor --task-type security --prompt "Audit ./site"' },
    { command: "sartor session create --role implementer --task-type feature --id impl-001 --meta ticket=42 --json" },
    {
      command:
        'sartor session create --role auditor --task-type links --prompt "./site" --runner command -- node agent.mjs',
      description: "Executed here, by session resume"
    },
    {
      command:
        'sartor session create --role auditor --task-type security --prompt "Audit it" --runner claude --tool read_file'
    }
  ])
)
