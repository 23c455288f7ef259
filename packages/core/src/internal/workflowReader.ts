import { Predicate, Result, Schema, Struct } from "effect"
import { defaultLimits } from "../Agent.ts"
import type { Role, UnknownRole } from "../Role.ts"
import type { Problems } from "./workflowProblems.ts"
import { substitute } from "./variables.ts"
import { Budget, Entry, environmentPattern, Flags, Top, variablePattern } from "./workflowGrammar.ts"
import { maxLength, type Path, type Tree } from "./yamlTree.ts"

/** A file that is being read, and what is wrong with it so far. What is wrong is left out of what the readers answer. */
export interface Source {
  readonly tree: Tree
  readonly problems: Problems
}

export type Variables = ReadonlyMap<string, string>

export const readTop = (source: Source): typeof Top.Type => {
  const { problems, tree } = source
  if (tree.value === undefined) {
    return {}
  }
  if (!Predicate.isObject(tree.value)) {
    problems.add([], "a workflow file must be a map of keys, such as name and agents")
    return {}
  }
  const top = readMap(source, [], tree.value, Top.fields, decodeTop) ?? {}
  refuseMissing(source, [], tree.value, ["name", "agents"])
  if (top.agents?.length === 0) {
    problems.refuse(["agents"], "must list at least one agent")
  }
  return top
}

/**
 * Settles the variables: those that the file declares, with the values that are given instead of its own. Without an
 * answer nobody can tell which there are.
 */
export const readVariables = (
  { problems, tree }: Source,
  declared: typeof Top.Type.vars,
  given: { readonly [name: string]: string } = {}
): Variables | undefined => {
  if (declared === undefined && (tree.value === undefined || Predicate.hasProperty(tree.value, "vars"))) {
    return undefined
  }
  const names = Object.keys(declared ?? {})
  for (const name of Object.keys(given).filter((name) => !names.includes(name))) {
    const list = names.length === 0 ? "the file declares none" : `the file declares ${names.slice(0, 20).join(", ")}`
    const message = `the variable ${JSON.stringify(name)} is given but not declared: ${list}`
    problems.add(["vars"], message, { near: [name, names] })
  }
  return new Map(
    names.toSorted().map((name) => {
      const path = ["vars", name]
      const at = tree.position(path, "key")
      if (!variablePattern.test(name)) {
        const hint = "use letters, digits, _ and -, and begin with a letter or _"
        problems.add(path, `${JSON.stringify(name.slice(0, 60))} cannot name a variable`, { at, hint })
      }
      const value = declared?.[name]
      if (Object.hasOwn(given, name)) {
        return [name, printable(problems, path, given[name] ?? "")] as const
      }
      if (value === null) {
        problems.refuse(path, "has no value", { at, hint: `give it one with --var ${name}=…` })
        return [name, name] as const
      }
      if (typeof value !== "string") {
        return [name, tree.source(path) ?? ""] as const
      }
      const { text = value, unknown = [] } = substitute(value, new Map(), maxLength) ?? {}
      for (const { before, source } of unknown) {
        const hint = "a variable cannot refer to another; for the text itself write $${"
        problems.refuse(path, `has ${source} in it`, { at: tree.find(path, source, before), hint })
      }
      return [name, printable(problems, path, text)] as const
    })
  )
}

/** An agent's keys, and where they are. */
export interface Draft {
  readonly path: Path
  readonly entry: typeof Entry.Type
  /** Its name, even a bad one, so that others may need it. */
  readonly name: string | undefined
  readonly needs: ReadonlyArray<string>
  readonly isMap: boolean
  /** Whether it has a key at all, good or bad. */
  readonly has: (key: keyof typeof Entry.fields) => boolean
}

export const readDrafts = (source: Source, agents: ReadonlyArray<unknown> = []): ReadonlyArray<Draft> =>
  agents.map((raw, index) => {
    const path = ["agents", index]
    const entry = readMap(source, path, raw, Entry.fields, decodeEntry) ?? {}
    refuseMissing(source, path, raw, ["name", "role", "task_type"])
    const name = Predicate.hasProperty(raw, "name") && Predicate.isString(raw.name) ? raw.name : undefined
    const needs = Predicate.isString(entry.needs) ? [entry.needs] : (entry.needs ?? [])
    return { path, entry, name, needs, isMap: Predicate.isObject(raw), has: (key) => Predicate.hasProperty(raw, key) }
  })

/** Reads one agent after another; together they may grow only so much by their variables. */
export const agentReader = (source: Source, top: typeof Top.Type, variables: Variables | undefined) => {
  const { problems } = source
  const fill = filler(source, variables)

  return (draft: Draft, role: Result.Result<Role, UnknownRole> | undefined) => {
    const { entry, needs, path } = draft
    const { cwd, model, name, prompt, task_type } = entry
    const runner = runnerOf(draft, top)
    checkWork(problems, draft, runner)
    if (role !== undefined && Result.isFailure(role)) {
      const { input, roles } = role.failure
      const message = `must be one of ${roles.join(", ")}, not ${JSON.stringify(input.slice(0, 60))}`
      problems.refuse([...path, "role"], message, { near: [input, roles], hint: "SARTOR_ROLES can add others" })
    }
    entry.tools?.forEach((tool, index) => printable(problems, [...path, "tools", index], tool))
    const [program, ...args] = (entry.command ?? []).map((item, index) =>
      fill([...path, "command", index], item, index > 0)
    )
    const work = {
      ...(prompt === undefined ? {} : { prompt: fill([...path, "prompt"], prompt) }),
      ...(program === undefined ? {} : { command: [program, ...args] as const }),
      ...(model === undefined ? {} : { model: fill([...path, "model"], model) }),
      ...(cwd === undefined ? {} : { cwd: fill([...path, "cwd"], cwd) }),
      env: readEnvironment(source, [...path, "env"], entry.env, fill)
    }
    if (name === undefined || task_type === undefined || runner === undefined || role?._tag !== "Success") {
      return undefined
    }
    return {
      name,
      role: role.success,
      task_type,
      needs,
      runner,
      ...work,
      timeout: entry.timeout ?? defaultLimits.timeout,
      retries: entry.retries ?? defaultLimits.retries,
      synthesize: entry.synthesize ?? false,
      ...Struct.pick(entry, ["tools", "silence", "budget", "flags", "on_insufficient", "on_conflict"])
    }
  }
}

type Fill = (path: Path, text: string, mayBeBlank?: boolean) => string

const decodeTop = Schema.decodeUnknownResult(Top, { errors: "all" })
const decodeEntry = Schema.decodeUnknownResult(Entry, { errors: "all" })

/** Decodes a map without the keys that are wrong, which become problems. */
const readMap = <A>(
  source: Source,
  path: Path,
  raw: unknown,
  fields: Schema.Struct.Fields,
  decode: (input: unknown) => Result.Result<A, Schema.SchemaError>
): A | undefined => {
  if (!Predicate.isObject(raw)) {
    source.problems.refuse(path, "must be a map of keys")
    return undefined
  }
  refuseUnknown(source, path, raw, fields)
  refuseUnknown(source, [...path, "budget"], raw["budget"], Budget.fields)
  refuseUnknown(source, [...path, "flags"], raw["flags"], Flags.fields)
  const decoded = decode(raw)
  if (Result.isSuccess(decoded)) {
    return decoded.success
  }
  const blamed = source.problems.refuseAll(path, decoded.failure)
  return Result.getOrUndefined(decode(Object.fromEntries(Object.entries(raw).filter(([key]) => !blamed.has(key)))))
}

const refuseUnknown = ({ problems, tree }: Source, path: Path, raw: unknown, fields: Schema.Struct.Fields) => {
  for (const key of Predicate.isObject(raw) ? Object.keys(raw) : []) {
    if (!Object.hasOwn(fields, key)) {
      const below = [...path, key]
      const hint = key === "<<" ? "merge keys are not read: write the keys out" : undefined
      const details = { at: tree.position(below, "key"), hint, near: [key, Object.keys(fields)] as const }
      const within = path.at(-1) === "budget" || path.at(-1) === "flags" ? ` in ${path.at(-1)}` : ""
      problems.complain(below, `unknown key ${JSON.stringify(key.slice(0, 60))}${within}`, details)
    }
  }
}

const refuseMissing = ({ problems }: Source, path: Path, raw: unknown, keys: ReadonlyArray<string>) => {
  for (const key of Predicate.isObject(raw) ? keys : []) {
    if (!Predicate.hasProperty(raw, key)) {
      problems.add([...path, key], `${path.length === 0 ? "the workflow" : problems.agent(path)} has no ${key}`)
    }
  }
}

/** Whether it says that it does, or tries to. */
const synthesizes = ({ entry, has }: Pick<Draft, "entry" | "has">) => entry.synthesize ?? has("synthesize")

/** The runner that an agent asks for, or that follows from its keys; none if what it asks for is wrong. */
const runnerOf = ({ entry, has }: Draft, top: typeof Top.Type): typeof Entry.Type.runner | "synthesis" =>
  has("runner")
    ? entry.runner
    : synthesizes({ entry, has }) && !has("command") && !has("prompt")
      ? "synthesis"
      : has("command")
        ? "command"
        : (top.runner ?? "command")

/** Whether the agent has something to do, and nothing that its runner has no use for. */
const checkWork = (problems: Problems, { entry, has, isMap, needs, path }: Draft, runner: string | undefined) => {
  if (!isMap) {
    return
  }
  if (runner !== "function" && runner !== "synthesis" && !has("command") && !has("prompt") && !has("runner")) {
    const hint = "give it a command, a prompt for runner claude, or synthesize: true"
    problems.refuse(path, "has nothing to do", { hint })
  } else if (runner === "command" && !has("command")) {
    problems.refuse(path, "has the runner command, but no command", { hint: "a prompt alone is for runner claude" })
  } else if (runner === "claude" && !has("prompt") && !has("needs")) {
    problems.refuse(path, "has the runner claude, but neither a prompt nor needs to work from")
  } else if (runner !== undefined && runner !== "command" && has("command")) {
    problems.refuse([...path, "command"], `is for the runner command, and this agent has ${runner}`)
  }
  if (entry.synthesize === true && needs.length === 0 && (entry.needs !== undefined || !has("needs"))) {
    problems.refuse(path, "has nothing to synthesize", { hint: "list in needs the agents whose results it merges" })
  }
  for (const key of ["on_insufficient", "on_conflict"] as const) {
    if (entry[key] !== undefined && !synthesizes({ entry, has })) {
      problems.refuse([...path, key], "is only for an agent with synthesize: true")
    }
  }
}

const readEnvironment = (
  { problems, tree }: Source,
  path: Path,
  env: typeof Entry.Type.env = {},
  fill: Fill
): { readonly [name: string]: string } =>
  Object.fromEntries(
    Object.keys(env)
      .sort()
      .map((name) => {
        const at = [...path, name]
        if (!environmentPattern.test(name)) {
          const hint = "use letters, digits and _, and begin with a letter or _"
          const details = { at: tree.position(at, "key"), hint }
          problems.complain(
            at,
            `${JSON.stringify(name.slice(0, 60))} cannot name a variable of the environment`,
            details
          )
        }
        const value = env[name]
        return [name, typeof value === "string" ? fill(at, value, true) : (tree.source(at) ?? "")]
      })
  )

const filler = ({ problems, tree }: Source, variables: Variables | undefined): Fill => {
  let room = maxLength
  return (path, text, mayBeBlank = false) => {
    if (variables === undefined) {
      return text
    }
    const filled = substitute(text, variables, text.length + room)
    if (filled === undefined) {
      room = 0
      problems.refuse(path, `is too long with its variables`, {
        hint: `they may add ${maxLength} characters to a file`
      })
      return text
    }
    room -= Math.max(0, filled.text.length - text.length)
    for (const { before, source, variable } of filled.unknown) {
      const at = tree.find(path, source, before)
      if (variable === undefined) {
        problems.refuse(path, `has ${source}, which is not closed`, { at, hint: "for the text itself write $${" })
      } else {
        const hint = `declare it there, or write $${source} for the text itself`
        problems.refuse(path, `has ${source}, which is not in vars`, { at, hint, near: [variable, variables.keys()] })
      }
    }
    if (!mayBeBlank && !/\S/.test(filled.text)) {
      problems.refuse(path, "must not be blank")
    }
    return printable(problems, path, filled.text)
  }
}

/** Refuses what no program can be given and no file can hold. */
const printable = (problems: Problems, path: Path, text: string): string => {
  if (text.includes("\0")) {
    problems.refuse(path, "has a NUL character in it")
  }
  if (!text.isWellFormed()) {
    problems.refuse(path, "has half a character in it, a surrogate without its pair")
  }
  return text
}
