import assert from "node:assert/strict"
import { test } from "node:test"
import { daysBetween } from "../src/dates.js"

test("counts days over a leap day", () => assert.equal(daysBetween("2028-02-28", "2028-03-01"), 2))
test("counts back", () => assert.equal(daysBetween("2026-01-02", "2026-01-01"), -1))
