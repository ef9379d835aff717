import { type Clocks, findOldFiles } from "../../../plugins/host-local/boot.ts"

const hour = 3_600_000
const noon = Date.UTC(2026, 5, 1, 12)
/** Up since 10 o'clock. */
const clocks: Clocks = { wallMs: noon, uptimeMs: 2 * hour }
const file = (name: string, modifiedMs: number) => ({ name, modifiedMs })

test.each<[string, number, boolean]>([
  ["an hour before the boot", noon - 3 * hour, true],
  ["just before the boot", noon - 2 * hour - 1, true],
  ["at the boot", noon - 2 * hour, false],
  ["since the boot", noon - hour, false],
  ["now", noon, false],
  ["in 1970", 0, true],
])("a file that was written %s", (_, modifiedMs, isOld) => {
  const { names, doubt } = findOldFiles([file("a", modifiedMs)], clocks)
  expect([names, doubt]).toEqual([isOld ? ["a"] : [], undefined])
})

test("the old files keep their order", () => {
  const files = [file("c", 3), file("now", noon), file("a", 2), file("b", 1)]
  expect(findOldFiles(files, clocks).names).toEqual(["c", "a", "b"])
})

test.each<[string, Partial<Clocks>, number, RegExp]>([
  ["a clock that nobody has set", { wallMs: 5 * hour, uptimeMs: hour }, 0, /clock is not set/],
  ["a clock of the last minute of 2019", { wallMs: Date.UTC(2020, 0, 1) - 1 }, 0, /clock is not set/],
  ["a boot that is yet to come", { uptimeMs: -1 }, 0, /started in the future/],
  ["another file from the future", {}, noon + 1, /^future is from the future/],
])("nothing counts as old with %s", (_, odd, modifiedMs, why) => {
  const { names, doubt } = findOldFiles([file("old", 1), file("future", modifiedMs)], { ...clocks, ...odd })
  expect(names).toEqual([])
  expect(doubt).toMatch(why)
})
