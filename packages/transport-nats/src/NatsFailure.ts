/**
 * What can be wrong with a server, as the typed causes of a `TransportError`.
 *
 * @since 0.1.0
 */
import { Schema } from "effect"

/**
 * A stream of this transport is not there any more. It is made again when a transport is opened.
 *
 * @category errors
 * @since 0.1.0
 */
export class StreamMissing extends Schema.TaggedError<StreamMissing>(
  "@sartor/transport-nats/NatsFailure/StreamMissing"
)("StreamMissing", { stream: Schema.String }) {
  override get message() {
    return `the stream ${this.stream} does not exist: restore it from a backup, or restart the process to start with an empty one`
  }
}

/**
 * The server answers, but not for JetStream.
 *
 * @category errors
 * @since 0.1.0
 */
export class JetStreamOff extends Schema.TaggedError<JetStreamOff>("@sartor/transport-nats/NatsFailure/JetStreamOff")(
  "JetStreamOff",
  { server: Schema.String }
) {
  override get message() {
    return `JetStream is off on ${this.server}, or for this account: start nats-server with -js, or enable it for the account`
  }
}

/**
 * The server refuses this user a subject.
 *
 * @category errors
 * @since 0.1.0
 */
export class NotPermitted extends Schema.TaggedError<NotPermitted>("@sartor/transport-nats/NatsFailure/NotPermitted")(
  "NotPermitted",
  { action: Schema.String, subject: Schema.String }
) {
  override get message() {
    return `this user may not use the subject ${this.subject} (${this.action}): allow it in the server's permissions`
  }
}

/**
 * The server refuses these credentials, or they have expired.
 *
 * @category errors
 * @since 0.1.0
 */
export class NotAuthorized extends Schema.TaggedError<NotAuthorized>(
  "@sartor/transport-nats/NatsFailure/NotAuthorized"
)("NotAuthorized", { server: Schema.String, why: Schema.String }) {
  override get message() {
    return `${this.server} refuses the credentials (${this.why}): check SARTOR_NATS_USER and its like`
  }
}

/**
 * A stream is there, with other settings than this transport needs. It is left as it is.
 *
 * @category errors
 * @since 0.1.0
 */
export class StreamDiffers extends Schema.TaggedError<StreamDiffers>(
  "@sartor/transport-nats/NatsFailure/StreamDiffers"
)("StreamDiffers", {
  stream: Schema.String,
  differences: Schema.Array(Schema.Struct({ setting: Schema.String, expected: Schema.Json, actual: Schema.Json }))
}) {
  override get message() {
    const each = this.differences.map(
      ({ actual, expected, setting }) => `${setting} is ${JSON.stringify(actual)}, not ${JSON.stringify(expected)}`
    )
    return `the stream ${this.stream} has other settings than expected: ${each.join("; ")}; change it, or use another namespace`
  }
}
