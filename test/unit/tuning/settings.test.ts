import "../../kit/fake-native.ts"
import { findReadable, isSameValue } from "../../../plugins/tuning/settings.ts"
import { fake } from "../../kit/fake-native.ts"

test.each<[a: string, b: string, want: boolean]>([
  ["1", "1", true],
  ["1", "2", false],
  ["1", "1\n", true],
  ["4096 131072 6291456", "4096\t131072\t6291456", true],
  ["4096  131072", " 4096\t131072 ", true],
  ["4096 131072", "4096 131073", false],
  ["4096", "4096 4096", false],
  ["01", "1", true],
  ["010", "8", true],
  ["010", "10", false],
  ["0x10", "16", true],
  ["0X1f", "31", true],
  ["-1", "-01", true],
  ["-1", "1", false],
  ["18446744073709551615", "0xffffffffffffffff", true],
  ["18446744073709551615", "18446744073709551614", false],
  ["08", "8", true],
  ["9".repeat(40), `0${"9".repeat(40)}`, false],
  ["cubic", "cubic", true],
  ["cubic", "reno", false],
  ["Cubic", "cubic", false],
  ["", "", true],
  ["", "0", false],
  ["8080-8082,9000", "8080-8082,9000", true],
])("%j and %j are one value: %s", (a, b, want) => {
  expect([isSameValue(a, b), isSameValue(b, a)]).toEqual([want, want])
})

describe("findReadable", () => {
  const at = (path: string, errno: number) => {
    fake.files.put(`/proc/sys/${path}`, "7\n")
    fake.script("read", -errno)
    return () => findReadable(path)
  }

  test("reads a sysctl", () => {
    fake.files.put("/proc/sys/net/a", "7\n")
    expect(findReadable("net/a")).toBe("7")
  })

  test.each<[string, string, number]>([
    ["that may not be read", "net/ipv4/route/flush", 1],
    ["that has no value", "net/ipv4/route/flush", 22],
    ["that is secret until it is set", "net/ipv6/conf/eth0/stable_secret", 5],
  ])("tells undefined of one %s", (_, path, errno) => {
    expect(at(path, errno)()).toBeUndefined()
  })

  test("throws where reading fails", () => {
    expect(at("net/core/somaxconn", 5)).toThrow("EIO")
  })

  test("throws where there is none, in the words that callers match", () => {
    expect(() => findReadable("net/none")).toThrow("/proc/sys/net/none: no such file or directory")
  })
})
