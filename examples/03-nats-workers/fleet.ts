/** What the processes of this fleet have in common: where everything is kept, and who they are in its records. */
import { hostname } from "node:os"

export { transport } from "./nats.ts"

export const identity = { host: hostname(), pid: process.pid }
