export * as ProcessIdentity from "./ProcessIdentity.ts"
