import assert from "node:assert/strict"
import { test } from "node:test"
import { sumInCents } from "../src/money.js"

test("adds nothing to nothing", () => assert.equal(sumInCents([]), 0))
test("adds amounts without losing a cent", () => assert.equal(sumInCents(["0.10", "0.20", "1.15"]), 145))
test("knows negative amounts", () => assert.equal(sumInCents(["-8.21", "0.01"]), -820))
