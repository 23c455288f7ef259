export * as FileTransport from "./FileTransport.ts"
