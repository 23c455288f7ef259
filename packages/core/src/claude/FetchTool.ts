/**
 * Reads pages of the web, from those hosts only that were allowed.
 *
 * @since 0.1.0
 */
import { Effect, Schema, Stream } from "effect"
import { FetchHttpClient, HttpClient, HttpClientRequest, type HttpClientResponse } from "effect/http"
import * as Tool from "./Tool.ts"

/**
 * @category models
 * @since 0.1.0
 */
export interface Options {
  /** `example.com` is that host alone, with a port if it has one of its own; `*` is every host. */
  readonly hosts: ReadonlyArray<string>
  /** Whether addresses without TLS are allowed too. */
  readonly insecure?: boolean | undefined
}

/**
 * How much of a page is read, in bytes.
 *
 * @category configuration
 * @since 0.1.0
 */
export const maxBytes = 256 * 1024

const maxRedirects = 5

/**
 * The tool `fetch`. Redirects are followed only to hosts that are allowed too.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = ({ hosts, insecure = false }: Options): Tool.Tool =>
  Tool.of("fetch", {
    description: `Reads a page or file of the web by GET. Allowed hosts: ${hosts.join(", ")}`,
    effects: "pure",
    timeout: "30 seconds",
    input: Schema.Struct({ url: Schema.String.annotate({ description: "The whole address" }) }),
    run: Effect.fnUntraced(
      function* ({ url }) {
        const client = yield* HttpClient.HttpClient
        let at = url
        for (let hops = 0; hops <= maxRedirects; hops++) {
          const address = yield* allowedAddress(at, hosts, insecure)
          const response = yield* client.execute(HttpClientRequest.get(address))
          const location = response.headers["location"]
          if (response.status < 300 || response.status >= 400 || location === undefined) {
            return `Status ${response.status}, ${response.headers["content-type"] ?? "of no type"}\n\n${yield* textOf(response)}`
          }
          at = URL.parse(location, address)?.href ?? ""
        }
        return yield* new Tool.ToolFailed({ why: `It is redirected more than ${maxRedirects} times` })
      },
      Effect.catchTag("HttpClientError", ({ reason }) =>
        Effect.fail(new Tool.ToolFailed({ why: `It cannot be read: ${reason._tag}` }))
      ),
      Effect.provide(FetchHttpClient.layer),
      Effect.provideService(FetchHttpClient.RequestInit, { redirect: "manual", credentials: "omit" })
    )
  })

const allowedAddress = (text: string, hosts: ReadonlyArray<string>, insecure: boolean) => {
  const url = URL.parse(text)
  if (url === null) return Effect.fail(new Tool.ToolFailed({ why: `${JSON.stringify(text)} is no address` }))
  const { host, href, password, protocol, username } = url
  if (protocol !== "https:" && !(insecure && protocol === "http:")) {
    return Effect.fail(new Tool.ToolFailed({ why: `Only https: is allowed, not ${protocol}` }))
  }
  if (username !== "" || password !== "") {
    return Effect.fail(new Tool.ToolFailed({ why: "An address with a password is not fetched" }))
  }
  return hosts.includes("*") || hosts.includes(host)
    ? Effect.succeed(href)
    : Effect.fail(new Tool.ToolFailed({ why: `${host} is not allowed. Allowed: ${hosts.join(", ")}` }))
}

const textOf = (response: HttpClientResponse.HttpClientResponse) => {
  let read = 0
  return response.stream.pipe(
    Stream.takeWhile(() => read < maxBytes),
    Stream.tap((chunk) =>
      Effect.sync(() => {
        read += chunk.length
      })
    ),
    Stream.decodeText,
    Stream.mkString,
    Effect.map((text) => text.slice(0, maxBytes))
  )
}
