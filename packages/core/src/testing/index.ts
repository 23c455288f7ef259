export * as Driver from "./Driver.ts"
export * as JournalSuite from "./JournalSuite.ts"
export * as PersistedQueueSuite from "./PersistedQueueSuite.ts"
export * as QueueSuite from "./QueueSuite.ts"
