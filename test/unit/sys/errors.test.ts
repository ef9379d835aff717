import "../../kit/fake-native.ts"
import { check, describeErrno, errnoName, isSysError, retry, SysError } from "../../../lib/sys/errors.ts"

describe("SysError", () => {
  test.each<[string, SysError, string, string]>([
    [
      "a path",
      new SysError("open", 2, "/run/netns/x"),
      "open /run/netns/x: no such file or directory (ENOENT)",
      "ENOENT",
    ],
    ["nothing to name", new SysError("pipe2", 24, ""), "pipe2: too many open files (EMFILE)", "EMFILE"],
    ["an errno without a name", new SysError("read", 524, "x"), "read x: unknown error (errno 524)", "errno 524"],
  ])("tells call, subject and reason in the kernel's words: %s", (_, error, message, code) => {
    expect(error.message).toBe(message)
    expect(error.code).toBe(code)
    expect(error.name).toBe("SysError")
  })

  test("keeps call and subject", () => {
    expect(new SysError("stat", 13, "/a")).toMatchObject({ syscall: "stat", subject: "/a" })
  })
})

test("describeErrno spells the words as Go does, which callers match", () => {
  expect(describeErrno(2)).toBe("no such file or directory")
  expect(describeErrno(17)).toBe("file exists")
})

test("errnoName tells the name", () => {
  expect(errnoName(11)).toBe("EAGAIN")
})

test.each([[0], [7], [[1, 2]], ["text"], [undefined]])("check passes %j on", value => {
  expect(check<unknown>(value, "call", "")).toBe(value)
})

test("check throws a negative errno", () => {
  expect(() => check(-13, "open", "/etc/shadow")).toThrow(new SysError("open", 13, "/etc/shadow"))
})

test("retry calls until no signal interrupts", () => {
  const results = [-4, -4, 5]
  expect(retry(() => results.shift()!)).toBe(5)
  expect(results).toEqual([])
})

test("retry passes other failures on at once", () => {
  const results = [-11, 5]
  expect(retry(() => results.shift()!)).toBe(-11)
  expect(results).toEqual([5])
})

test.each<[string, unknown, string[], boolean]>([
  ["one of the names", new SysError("open", 2, ""), ["EACCES", "ENOENT"], true],
  ["another name", new SysError("open", 2, ""), ["EACCES"], false],
  ["no name asked for", new SysError("open", 2, ""), [], false],
  ["another class with such a code", Object.assign(new Error("x"), { code: "ENOENT" }), ["ENOENT"], false],
  ["no error at all", undefined, ["ENOENT"], false],
])("isSysError looks at class and name: %s", (_, error, codes, want) => {
  expect(isSysError(error, ...codes)).toBe(want)
})
