import { it } from "@effect/vitest"
import { assertTheSame, combinations } from "./matrix.ts"
import { nats } from "./transports.ts"

it.live("all sixteen settings of the flags come to the same results on NATS", () => assertTheSame(nats, combinations))
