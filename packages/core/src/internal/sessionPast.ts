import type { Checkpoint, Past, Record, Session, Whole } from "../Session.ts"
import { checkpointOf } from "./sessionChange.ts"

/** A version of a session's journal, if it is one that it can go back to. */
export const at = ({ past }: Whole, version: number): Past | undefined => {
  let point: Past | undefined = past
  while (point !== undefined && point.version > version) point = point.previous
  return point?.version === version ? point : undefined
}

/** What a version back is like: nobody works on it. */
export const restored = (target: Past): Partial<Session> => {
  const checkpoints: Array<Checkpoint> = []
  for (let point: Past | undefined = target; point !== undefined; point = point.before) {
    if (point.checkpoint !== undefined) checkpoints.unshift(point.checkpoint)
  }
  return { checkpoints, ...(target.state.status === "running" ? { status: "suspended" as const } : {}) }
}

/** The newest version, with the way back. */
export const remember = (
  session: Whole,
  { error, failures, result, status, told, turns }: Session,
  record: Record,
  version: number,
  target: Past | undefined
): Past => {
  return {
    version,
    state: {
      status,
      turns,
      failures,
      told,
      ...(result === undefined ? {} : { result }),
      ...(error === undefined ? {} : { error })
    },
    ...(record.type === "checkpoint" ? { checkpoint: checkpointOf(record, version) } : {}),
    previous: session.past,
    before: target ?? session.past
  }
}
