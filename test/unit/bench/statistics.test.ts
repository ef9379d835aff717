import { median, medianMs } from "../../bench/statistics.ts"

const rows: [name: string, values: number[], want: number][] = [
  ["one value", [7], 7],
  ["an odd number of values, unsorted", [9, 1, 5], 5],
  ["an even number of values", [4, 1, 3, 2], 2.5],
  ["values sorted as numbers, not as text", [10, 9, 100], 10],
]

test.each(rows)("the median of %s", (_name, values, want) => {
  expect(median(values)).toBe(want)
})

test("the median leaves its input as it was", () => {
  const values = [3, 1, 2]
  median(values)
  expect(values).toEqual([3, 1, 2])
})

test("no values have no median", () => {
  expect(() => median([])).toThrow(RangeError)
})

test("nanoseconds become milliseconds", () => {
  expect(medianMs([1_500_000, 2_500_000])).toBe(2)
})
