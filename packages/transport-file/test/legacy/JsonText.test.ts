import { assert, describe, it } from "@effect/vitest"
import { Result } from "effect"
import * as fc from "fast-check"
import { JsonText, StatusFile } from "../../src/legacy/index.ts"

const parsed = (text: string) => {
  const result = JsonText.parse(JsonText.encode(text))
  if (Result.isFailure(result)) throw new Error(`${text}: ${result.failure.detail}`)
  return result.success
}
const damageOf = (text: string) => {
  const result = JsonText.parse(JsonText.encode(text))
  return Result.isFailure(result) ? [result.failure.offset, result.failure.detail] : undefined
}

const json = fc.dictionary(
  fc.string({ unit: "binary", maxLength: 8 }),
  fc.oneof(
    fc.string({ unit: "binary" }),
    fc.boolean(),
    fc.constant(null),
    fc.double({ noNaN: true, noDefaultInfinity: true }),
    fc.array(fc.string(), { maxLength: 3 }),
    fc.dictionary(fc.string({ maxLength: 4 }), fc.integer(), { maxKeys: 3 })
  ),
  { minKeys: 1, maxKeys: 8, noNullPrototype: true }
)
const indent = fc.constantFrom(undefined, 2, 4, "\t")
const ending = fc.constantFrom("", "\n", "\r\n")

/** A text as somebody may have written it: indented in some way, with some line endings. */
const written = fc.tuple(json, indent, ending).map(([value, indent, ending]) => {
  const text = JSON.stringify(value, undefined, indent)
  return {
    value: JSON.parse(text) as typeof value,
    text: (ending === "\r\n" ? text.replaceAll("\n", "\r\n") : text) + ending
  }
})

describe("JsonText", () => {
  it("reads whatever JSON.parse reads, and nothing that it refuses", () => {
    fc.assert(
      fc.property(
        fc.oneof(fc.json(), fc.string(), fc.string({ unit: fc.constantFrom(...'{}[]",:\\u01e-. \n') })),
        (text) => {
          let value: unknown
          try {
            value = JSON.parse(text)
          } catch {
            return assert.isDefined(damageOf(text), text)
          }
          const isObject = typeof value === "object" && value !== null && !Array.isArray(value)
          assert.strictEqual(damageOf(text) === undefined, isObject, text)
        }
      ),
      { numRuns: 3000 }
    )
  })

  it("changes the value of a key and no other byte", () => {
    fc.assert(
      fc.property(written, fc.nat(), fc.string({ unit: "binary" }), ({ text, value }, pick, to) => {
        const keys = Object.keys(value)
        const key = keys[pick % keys.length] ?? ""
        const bytes = JsonText.encode(text)
        const root = parsed(text)
        const place = JsonText.member(root, key)
        assert.isDefined(place)
        const after = JsonText.set(bytes, root, [[key, JsonText.literal(to)]])
        assert.strictEqual(after, bytes.slice(0, place?.start) + JsonText.literal(to) + bytes.slice(place?.end))
        const expected: Record<string, unknown> = { ...value, [key]: to.toWellFormed() }
        assert.deepStrictEqual(JSON.parse(JsonText.decode(after)), expected)
      }),
      { numRuns: 500 }
    )
  })

  it("adds a key on a line of its own, after all others, and changes no byte before it", () => {
    fc.assert(
      fc.property(written, fc.string(), ({ text, value }, to) => {
        const bytes = JsonText.encode(text)
        const after = JsonText.set(bytes, parsed(text), [["a new key", JsonText.literal(to)]])
        assert.deepStrictEqual(JSON.parse(JsonText.decode(after)), { ...value, "a new key": to })
        const last = parsed(text).members.at(-1)?.value.end ?? 0
        assert.strictEqual(after.slice(0, last), bytes.slice(0, last))
        assert.isTrue(after.endsWith(bytes.slice(last)))
        if (bytes.includes("\n  ")) assert.match(after, /\r?\n[ \t]+"a new key": [^\n]*\r?\n\}/)
      }),
      { numRuns: 500 }
    )
  })

  it("sets a key at every place where it stands, and keeps integers that no number can hold", () => {
    const text = '{\n  "a": "1",\n  "big": 12345678901234567890123,\n  "a": "2",\n  "in": {"a": "3"}\n}\n'
    assert.strictEqual(
      JsonText.set(text, parsed(text), [["a", '"x"']]),
      '{\n  "a": "x",\n  "big": 12345678901234567890123,\n  "a": "x",\n  "in": {"a": "3"}\n}\n'
    )
  })

  it("writes strings that survive line editors", () => {
    fc.assert(
      fc.property(fc.string({ unit: "binary" }), (text) => {
        const literal = JsonText.literal(text)
        assert.strictEqual(JSON.parse(JsonText.decode(literal)), text.toWellFormed())
        assert.notMatch(literal, /\\"|\}|\n/)
      }),
      { numRuns: 1000 }
    )
  })

  it("L05: says where a malformed file is malformed", () => {
    assert.deepStrictEqual(damageOf(""), [0, "it is empty"])
    assert.deepStrictEqual(damageOf("\n\n"), [2, "it is empty"])
    assert.deepStrictEqual(damageOf('{\n  "a": "b",\n}\n'), [14, '"}" stands where a key is expected'])
    assert.deepStrictEqual(damageOf('{ // c\n "a": 1 }'), [2, '"/" stands where a key is expected'])
    assert.deepStrictEqual(damageOf('{"a":1}{"b":2}'), [7, "something follows the object"])
    assert.deepStrictEqual(damageOf('{"a": NaN}'), [6, '"N" stands where a value is expected'])
    assert.deepStrictEqual(damageOf('{"a": "b'), [6, "a string is not closed"])
    assert.deepStrictEqual(damageOf('{"a": "b\n"}'), [6, "a string is not closed on its line"])
    assert.deepStrictEqual(damageOf('{"a": "\\x"}'), [7, "a string holds a backslash that means nothing"])
    assert.deepStrictEqual(damageOf('["a"]'), [0, "it is not a JSON object"])
    assert.match(String(damageOf(`{"a": ${"[".repeat(200)}`)), /nested more than 100 deep/)
    assert.strictEqual(JsonText.lineOf('{\n  "a": "b",\n}\n', 14), 3)
  })

  it("L05: takes a byte order mark, CRLF, doubled keys, leading commas and wrong types for what the scripts take them", () => {
    const fields = (text: string) => {
      const file = StatusFile.parse(JsonText.encode(text))
      return Result.isSuccess(file) ? Object.fromEntries(file.success.fields) : undefined
    }
    assert.deepStrictEqual(fields('\uFEFF{\r\n  "status": "idle"\r\n}'), { status: "idle" })
    assert.deepStrictEqual(fields('{"status": "a", "status": "b"}'), { status: "b" })
    assert.deepStrictEqual(fields('{\n  "a": "b"\n,\n  "wakeMessageSent": true\n}'), { a: "b", wakeMessageSent: true })
    assert.deepStrictEqual(fields('{"progress": 0.4, "phase": null, "findings": "x", "n": {"a": 1}}'), {
      progress: "0.4",
      phase: "",
      findings: "x",
      n: '{"a": 1}'
    })
    assert.deepStrictEqual(fields('{"__proto__": "x"}'), Object.fromEntries([["__proto__", "x"]]))
  })

  it("L05: finds the first byte that is no UTF-8", () => {
    const result = JsonText.fromBytes(Buffer.concat([Buffer.from('{"ä": "'), Buffer.from([0xff, 0xfe])]))
    assert.deepStrictEqual(Result.isFailure(result) && result.failure, { offset: 8, detail: "it is not valid UTF-8" })
  })
})
