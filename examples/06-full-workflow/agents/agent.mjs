/** What the agents here have in common: the task that they read, the time that they think, what they say. */
import { setTimeout as sleep } from "node:timers/promises"

/** The task on stdin: what it is, the results of what it needs, its own checkpoints of before. */
export const readTask = async () => {
  let text = ""
  for await (const chunk of process.stdin) text += chunk
  return JSON.parse(text)
}

export const say = (line) => process.stdout.write(`${JSON.stringify(line)}\n`)

/** Works for a while. An agent that was interrupted half-way goes on from there. */
export const think = async (task, millis) => {
  const half = task.checkpoints.some(({ milestone }) => milestone === "half")
  if (!half) {
    await sleep(Number(millis) / 2)
    say({ type: "checkpoint", phase: task.task_type, milestone: "half", details: `run ${task.run}` })
  }
  await sleep(Number(millis) / 2)
}
