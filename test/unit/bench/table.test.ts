import type { FailedRow, Row } from "../../bench/row.ts"
import { formatTable } from "../../bench/table.ts"

const rows: (Row | FailedRow)[] = [
  {
    name: "VERSION",
    unit: "ms",
    values: { patchbay: 1.0049, "1.9.1": 3.3 },
    score: { value: 0.3045, unit: "×", bar: { most: 0.55 } },
  },
  { name: "static", failure: "patchbay has no dist/bin/static\nand more" },
  {
    name: "a burst",
    unit: "1/s",
    values: { patchbay: 999.6, floor: 12 },
    score: { value: 3, unit: "", bar: { least: 200 } },
  },
]

test("columns are aligned, sides appear as they come, and what failed says so", () => {
  expect(formatTable(rows).split("\n")).toEqual([
    "what     unit  patchbay  1.9.1  floor   score     bar",
    "------------------------------------------------------------",
    "VERSION  ms        1.00   3.30         0.30 ×  ≤ 0.55     ok",
    "static   FAILED: patchbay has no dist/bin/static",
    "    and more",
    "a burst  1/s       1000            12       3   ≥ 200  under",
  ])
})

test("a table of failures alone is still a table", () => {
  expect(formatTable([{ name: "VERSION bridge", failure: "gone" }]).split("\n")).toEqual([
    "what            unit  score  bar",
    "--------------------------------",
    "VERSION bridge  FAILED: gone",
  ])
})
