import assert from "node:assert/strict"
import { test } from "node:test"
import { parseLine } from "../src/csv.js"

test("splits at commas", () => assert.deepEqual(parseLine("a,b,,c"), ["a", "b", "", "c"]))
test("keeps commas in quotes", () => assert.deepEqual(parseLine('1,"a, b",2'), ["1", "a, b", "2"]))
test("a doubled quote is a quote", () => assert.deepEqual(parseLine('"say ""hi""",x'), ['say "hi"', "x"]))
