import { type Bar, compare, type FailedRow, judge, type Row, type Verdict } from "../../bench/row.ts"

const scored = (value: number, bar?: Bar): Row => ({
  name: "row",
  unit: "ms",
  values: {},
  score: { value, unit: "×", ...(bar && { bar }) },
})

const verdicts: [name: string, row: Row | FailedRow, want: Verdict][] = [
  ["below an upper bar", scored(0.5, { most: 0.55 }), "ok"],
  ["on an upper bar", scored(0.55, { most: 0.55 }), "ok"],
  ["above an upper bar", scored(0.56, { most: 0.55 }), "over"],
  ["above a lower bar", scored(2.1, { least: 2 }), "ok"],
  ["below a lower bar", scored(1.9, { least: 2 }), "under"],
  ["not a number, with an upper bar", scored(Number.NaN, { most: 1 }), "over"],
  ["not a number, with a lower bar", scored(Number.NaN, { least: 1 }), "under"],
  ["without a bar", scored(3), ""],
  ["without a score", { name: "row", unit: "ms", values: {} }, ""],
  ["not measured", { name: "row", failure: "no such file" }, "FAILED"],
]

test.each(verdicts)("a row %s is judged", (_name, row, want) => {
  expect(judge(row)).toBe(want)
})

test("a comparison divides one side by the other and keeps the bar", () => {
  const row = { name: "ADD", unit: "ms", values: { patchbay: 3, "1.9.1": 12 } } as const
  const compared = compare(row, { of: "patchbay", against: "1.9.1", unit: "×", bar: { most: 0.55 } })
  expect(compared).toEqual({ ...row, score: { value: 0.25, unit: "×", bar: { most: 0.55 } } })
})

test("a comparison with a side that was not measured is an error, not a missing score", () => {
  const row = { name: "ADD", unit: "ms", values: { patchbay: 3 } } as const
  expect(() => compare(row, { of: "patchbay", against: "1.9.1", unit: "×" })).toThrow("ADD: patchbay or 1.9.1")
})
