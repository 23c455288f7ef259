export * as NatsClient from "./NatsClient.ts"
export * as NatsFailure from "./NatsFailure.ts"
export * as NatsReport from "./NatsReport.ts"
export * as NatsTransport from "./NatsTransport.ts"
