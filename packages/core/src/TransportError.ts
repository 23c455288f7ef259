/**
 * The one infrastructure failure that both ports share.
 *
 * @since 0.1.0
 */
import { Schema } from "effect"

/**
 * What went wrong below a port: decides the exit code and whether trying again can help.
 *
 * @category schemas
 * @since 0.1.0
 */
export const Reason = Schema.Literals(["unavailable", "storage_full", "corrupt", "too_large", "unsupported_format"])

/**
 * @category models
 * @since 0.1.0
 */
export type Reason = typeof Reason.Type

/**
 * The store behind a port failed. Nothing of the failed operation was acknowledged.
 *
 * @category errors
 * @since 0.1.0
 */
export class TransportError extends Schema.TaggedError<TransportError>("@sartor/core/TransportError")(
  "TransportError",
  {
    operation: Schema.String,
    reason: Reason,
    /** What to do about it, or where it happened: a path, a server, a limit. */
    detail: Schema.String,
    cause: Schema.optional(Schema.Defect())
  }
) {
  override get message() {
    return `${this.operation} failed (${this.reason}): ${this.detail}`
  }
}
