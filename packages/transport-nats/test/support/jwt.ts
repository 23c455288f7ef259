/** Users whose right ends at a time, as an operator of NATS issues them. */
import { nkeys } from "@nats-io/transport-node"

const encoder = new TextEncoder()
const base64 = (data: string | Uint8Array) => Buffer.from(data).toString("base64url")

type KeyPair = ReturnType<typeof nkeys.createUser>

const sign = (issuer: KeyPair, claims: { readonly sub: string; readonly [claim: string]: unknown }) => {
  const body = { jti: claims.sub, iat: 1_700_000_000, iss: issuer.getPublicKey(), ...claims }
  const text = `${base64(JSON.stringify({ typ: "JWT", alg: "ed25519-nkey" }))}.${base64(JSON.stringify(body))}`
  return `${text}.${base64(issuer.sign(encoder.encode(text)))}`
}

const unlimited = { subs: -1, conn: -1, leaf: -1, imports: -1, exports: -1, data: -1, payload: -1, wildcards: true }
const jetstream = { mem_storage: -1, disk_storage: -1, streams: -1, consumer: -1 }

/** The configuration of a server that trusts one operator, and what that operator issues: the content of a `.creds` file. */
export const makeOperator = () => {
  const operator = nkeys.createOperator()
  const account = nkeys.createAccount()
  const system = nkeys.createAccount()
  const trusted = (key: KeyPair, name: string, limits: object) =>
    sign(operator, { sub: key.getPublicKey(), name, nats: { type: "account", version: 2, limits } })
  const self = sign(operator, {
    sub: operator.getPublicKey(),
    name: "operator",
    nats: { type: "operator", version: 2, system_account: system.getPublicKey() }
  })
  const config = [
    `operator: ${self}`,
    `system_account: ${system.getPublicKey()}`,
    "resolver: MEMORY",
    "resolver_preload {",
    `  ${account.getPublicKey()}: ${trusted(account, "fleet", { ...unlimited, ...jetstream })}`,
    `  ${system.getPublicKey()}: ${trusted(system, "system", unlimited)}`,
    "}"
  ].join("\n")
  /** `expires` in seconds since the epoch. */
  const creds = (expires: number) => {
    const user = nkeys.createUser()
    const limits = { subs: -1, data: -1, payload: -1 }
    const token = sign(account, {
      sub: user.getPublicKey(),
      name: "worker",
      exp: expires,
      nats: { type: "user", version: 2, pub: {}, sub: {}, ...limits }
    })
    const seed = new TextDecoder().decode(user.getSeed())
    const text = [
      "-----BEGIN NATS USER JWT-----",
      token,
      "------END NATS USER JWT------",
      "",
      "-----BEGIN USER NKEY SEED-----",
      seed,
      "------END USER NKEY SEED------",
      ""
    ].join("\n")
    return { text, seed, token }
  }
  return { config, creds }
}
