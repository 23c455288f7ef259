import { Schema } from "effect"
import * as Inbox from "../Inbox.ts"
import * as Session from "../Session.ts"
import * as Replica from "./Replica.ts"

const Record: Schema.Codec<Session.Record, Schema.Json> = Schema.toCodecJson(Session.Record)

/** The journal of a session. */
export const session = Replica.define<
  Session.Whole | undefined,
  Session.Record,
  Schema.Json,
  Session.IllegalTransition
>({ record: Record, initial: undefined, apply: Session.apply, salvage: Session.salvage })

/** The journal of an orchestrator's inbox. */
export const inbox = Replica.define<Inbox.Inbox, Inbox.Record, typeof Inbox.Record.Encoded, never>({
  record: Inbox.Record,
  initial: Inbox.empty,
  apply: Inbox.apply
})
