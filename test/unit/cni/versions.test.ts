import {
  compareVersions,
  isAtLeast,
  isSupportedVersion,
  newestVersion,
  parseVersion,
  supportedVersions,
  VersionError,
} from "../../../lib/cni/versions.ts"

test("every version of the specification is supported, oldest first", () => {
  expect(supportedVersions).toEqual(["0.1.0", "0.2.0", "0.3.0", "0.3.1", "0.4.0", "1.0.0", "1.1.0"])
  expect(supportedVersions.toSorted(compareVersions)).toEqual(supportedVersions)
  expect(newestVersion).toBe(supportedVersions.at(-1))
})

test.each(["0.5.0", "1.2.0", "9.9.9", "1.0", "1.0.0.0", " 1.0.0", "", "toString"])(
  "%j is not supported (R49)",
  text => {
    expect(isSupportedVersion(text)).toBe(false)
  },
)

test.each<[string, readonly number[]]>([
  ["1.2.3", [1, 2, 3]],
  ["1.2", [1, 2, 0]],
  ["1", [1, 0, 0]],
  ["", [0, 1, 0]],
  ["10.0.07", [10, 0, 7]],
])("parseVersion reads %j", (text, want) => {
  expect(parseVersion(text)).toEqual(want)
})

test.each([
  "1.0.0.0",
  "abc",
  "1..0",
  "1.",
  ".1",
  "v1.0.0",
  "1.0.0-rc1",
  "-1.0.0",
  "1e3",
  " 1.0",
  "1.0\n",
  "12345678901",
])("parseVersion refuses %j (R52)", text => {
  expect(() => parseVersion(text)).toThrow(new VersionError(`invalid version ${JSON.stringify(text)}`))
})

test.each<[string, string, boolean]>([
  ["0.4.0", "0.4.0", true],
  ["0.3.1", "0.4.0", false],
  ["1.0.0", "0.4.0", true],
  ["0.10.0", "0.4.0", true],
  ["1.1", "1.1.0", true],
  ["1", "1.1.0", false],
  ["", "0.1.0", true],
  ["", "0.2.0", false],
  ["9.9.9", "1.1.0", true],
  ["1.1.0", "9.9.9", false],
])("isAtLeast(%j, %j) is %j", (text, least, want) => {
  expect(isAtLeast(text, least)).toBe(want)
})

test("isAtLeast throws for what is no version", () => {
  expect(() => isAtLeast("abc", "1.1.0")).toThrow(VersionError)
})
