import { assert, it } from "@effect/vitest"
import { Journal } from "@sartor/core"
import { Clock, ConfigProvider, Effect, Layer, Redacted, Stream } from "effect"
import * as childProcess from "node:child_process"
import * as fs from "node:fs"
import * as path from "node:path"
import { NatsClient, NatsFailure, NatsReport, NatsTransport } from "../src/index.ts"
import { makeOperator } from "./support/jwt.ts"
import * as NatsServer from "./support/NatsServer.ts"
import { append, offer, open, persistently, records, refused, statistics, take } from "./support/ports.ts"

it.live("N18 fails fast on a wrong address, password or authority, and shows no secret", () =>
  Effect.gen(function* () {
    const server = yield* NatsServer.make({ config: `authorization { user: me, password: "right-hushhush" }` })
    const password = Redacted.make("wrong-hushhush")
    const began = performance.now()
    const failures = yield* Effect.all([
      refused({ url: server.url, credentials: { type: "user", user: "me", password } }),
      refused({ url: server.url.replace("//", "//me:wrong-hushhush@") }),
      refused({ url: server.url, credentials: { type: "token", token: password } }),
      refused({ url: "nats://me:wrong-hushhush@127.0.0.1:1" }),
      refused({ url: "nats://me:wrong-hushhush@no.such.host.invalid:4222" }),
      refused({ url: "http://me:wrong-hushhush@127.0.0.1" }),
      refused({ url: server.url, credentials: { type: "file", path: "/no/such.creds" } })
    ])
    assert.isBelow(performance.now() - began, 8_000)
    for (const error of failures) {
      assert.strictEqual(error.reason, "unavailable")
      assert.notInclude(`${error.message} ${JSON.stringify(error)} ${error.stack}`, "hushhush")
    }
    for (const error of failures.slice(0, 3)) assert.instanceOf(error.cause, NatsFailure.NotAuthorized)
    const right = ConfigProvider.layer(
      ConfigProvider.fromUnknown({
        SARTOR_NATS_URL: server.url,
        SARTOR_NATS_USER: "me",
        SARTOR_NATS_PASSWORD: "right-hushhush",
        SARTOR_NAMESPACE: "fleet"
      })
    )
    yield* Effect.provide(append("k", 0, "one"), Layer.provide(Layer.fresh(NatsTransport.layerConfig), right))
    const inUrl = { url: server.url.replace("//", "//me:right-hushhush@"), namespace: "fleet" }
    assert.deepStrictEqual(yield* open(inUrl, records("k")), ["one"])
  })
)

it.live("N18 fails fast on credentials that have expired, tells when they do later, and takes those that follow", () =>
  Effect.gen(function* () {
    const { config, creds } = makeOperator()
    const server = yield* NatsServer.make({ config })
    const now = Math.floor((yield* Clock.currentTimeMillis) / 1000)
    const file = path.join(server.directory, "worker.creds")
    const options = { url: server.url, credentials: { type: "file" as const, path: file } }

    const old = creds(now - 60)
    fs.writeFileSync(file, old.text)
    const error = yield* Effect.timeout(refused(options), "4 seconds")
    assert.instanceOf(error.cause, NatsFailure.NotAuthorized)
    for (const secret of [old.seed, old.token]) {
      assert.notInclude(`${error.message} ${JSON.stringify(error)} ${error.stack}`, secret)
    }

    fs.writeFileSync(file, creds(now + 4).text)
    yield* open(
      options,
      Effect.gen(function* () {
        yield* append("k", 0, "one")
        const client = yield* NatsClient.NatsClient
        const is = (wanted: NatsClient.Health["status"]) =>
          Stream.runHead(Stream.filter(client.health, ({ status }) => status === wanted)).pipe(
            Effect.timeout("10 seconds")
          )
        yield* is("disconnected")
        fs.writeFileSync(file, creds(now + 600).text)
        yield* is("connected")
        yield* persistently(append("k", 1, "two"))
        assert.deepStrictEqual(yield* records("k"), ["one", "two"])
      })
    )
  })
)

it.live("N18 connects with TLS to a server whose authority it was given, and to no other", () =>
  Effect.gen(function* () {
    const place = yield* NatsServer.make()
    const key = path.join(place.directory, "key.pem")
    const cert = path.join(place.directory, "cert.pem")
    const request = "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=localhost"
    const names = ["-addext", "subjectAltName=IP:127.0.0.1,DNS:localhost"]
    const files = ["-keyout", key, "-out", cert]
    childProcess.execFileSync("openssl", [...request.split(" "), ...names, ...files], { stdio: "ignore" })
    const server = yield* NatsServer.make({ config: `tls { cert_file: "${cert}", key_file: "${key}" }` })
    yield* open({ url: server.url, tls: { ca: cert } }, append("k", 0, "one"))
    assert.strictEqual((yield* refused({ url: server.url.replace("nats:", "tls:") })).reason, "unavailable")
    // A server that does not speak TLS gets no password.
    assert.strictEqual((yield* refused({ url: place.url, tls: { ca: cert } })).reason, "unavailable")
  })
)

it.live("needs no other permissions than the page for operators names", () =>
  Effect.gen(function* () {
    const page = fs.readFileSync(new URL("../../../docs/nats-transport.md", import.meta.url), "utf8")
    const sentence = /needs to publish to (.*?), and to subscribe to (.*?)\./s.exec(page)
    const subjects = (text = "") =>
      [...text.matchAll(/`([^`]+)`/g)].map(([, subject]) => JSON.stringify(subject)).join()
    const [publish, subscribe] = [subjects(sentence?.[1]), subjects(sentence?.[2])]
    assert.include(publish, "sartor.fleet.>")
    const server = yield* NatsServer.make({
      config: `authorization { users: [{ user: me, password: hushhush, permissions: {
        publish: [${publish}], subscribe: [${subscribe}] } }] }`
    })
    const options = { url: server.url.replace("//", "//me:hushhush@"), namespace: "fleet" }
    const large = "x".repeat(2_000_000)
    yield* open(
      options,
      Effect.gen(function* () {
        yield* append("k", 0, "one", large)
        yield* offer("q", "a", large)
        yield* offer("q", "b")
        assert.deepStrictEqual([(yield* take("q")).payload, (yield* take("q")).payload], [large, "b"])
        assert.strictEqual((yield* statistics("q")).completed, 2)
      })
    )
    const heads = Journal.Journal.use((journal) => journal.heads())
    assert.deepStrictEqual(
      (yield* open(options, heads)).map(({ key }) => key),
      ["k"]
    )
    assert.deepStrictEqual(yield* open(options, records("k")), ["one", large])
    const report = Effect.provide(NatsReport.make(), Layer.fresh(NatsClient.layerLooking(options)))
    assert.deepStrictEqual((yield* report).missing, [])
  })
)
