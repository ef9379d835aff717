import "../../kit/fake-native.ts"
import {
  decodeUtf8,
  encodeUtf8,
  exit,
  randomBytes,
  readEnvironment,
  readStdin,
  readStdinBriefly,
  writeStdout,
} from "../../../lib/sys/streams.ts"
import { Exited, fake } from "../../kit/fake-native.ts"

const POLLIN = 1
const POLLERR = 8
const POLLHUP = 0x10

describe("readStdin", () => {
  test.each<[string, string[], string]>([
    ["nothing", [], ""],
    ["one byte at a time", [..."{}\n"], "{}\n"],
    ["large pieces", ["a".repeat(5000), "b".repeat(70_000)], `${"a".repeat(5000)}${"b".repeat(70_000)}`],
  ])("reads to the end: %s", (_, pieces, want) => {
    fake.stdin = pieces
    expect(decodeUtf8(readStdin())).toBe(want)
  })

  test.each<[string, () => void, string]>([
    ["was closed at start", () => fake.startWithout(0), "read stdin: bad file descriptor (EBADF)"],
    ["is a directory", () => fake.script("read", -21), "read stdin: is a directory (EISDIR)"],
    ["fails", () => fake.script("read", -5), "read stdin: input/output error (EIO)"],
  ])("throws where stdin %s", (_, arrange, message) => {
    arrange()
    expect(() => readStdin()).toThrow(message)
  })
})

describe("readStdinBriefly", () => {
  const isWhole = (text: string) => text.endsWith("}")

  test("stops as soon as it has enough", () => {
    fake.stdin = ['{"a":', "1}", "more"]
    expect(readStdinBriefly(50, isWhole)).toBe('{"a":1}')
    expect(fake.stdin).toEqual(["more"])
  })

  test("stops at the end of the input", () => {
    fake.script("poll", POLLIN, POLLIN | POLLHUP)
    fake.stdin = ['{"a":']
    expect(readStdinBriefly(50, isWhole)).toBe('{"a":')
  })

  test("stops at a hang-up", () => {
    fake.script("poll", POLLHUP)
    expect(readStdinBriefly(50, isWhole)).toBe("")
  })

  test("stops when the time is over, however the input drips", () => {
    fake.stdin = [..."abcdefgh"]
    fake.script(
      "read",
      ...Array.from("abc", character => (_: number, into: Uint8Array) => {
        fake.clock += 20
        into[0] = character.charCodeAt(0)
        return 1
      }),
    )
    expect(readStdinBriefly(50, isWhole)).toBe("abc")
    expect(fake.given("poll").map(([, , timeoutMs]) => timeoutMs)).toEqual([50, 30, 10])
  })

  test("stops when nothing comes", () => {
    expect(readStdinBriefly(50, isWhole)).toBe("")
    expect(fake.given("poll")).toEqual([[0, POLLIN, 50]])
  })

  test("goes on after a signal, with the time that is left", () => {
    fake.stdin = ["{}"]
    fake.script("poll", () => {
      fake.clock += 10
      return -4
    })
    fake.script("read", -4)
    expect(readStdinBriefly(50, isWhole)).toBe("{}")
    expect(fake.given("poll").map(([, , timeoutMs]) => timeoutMs)).toEqual([50, 40])
  })

  test.each<[string, () => void]>([
    ["was closed at start", () => fake.startWithout(0)],
    ["cannot be polled", () => fake.script("poll", -22)],
    ["is in error", () => fake.script("poll", POLLERR)],
    ["cannot be read", () => fake.script("read", -21)],
  ])("gives nothing where stdin %s", (_, arrange) => {
    fake.stdin = ["{}"]
    arrange()
    expect(readStdinBriefly(50, isWhole)).toBe("")
  })
})

describe("writeStdout", () => {
  test("writes all of a text as UTF-8", () => {
    fake.script("write", 3)
    writeStdout("ä¶🙂")
    expect(fake.given("write").map(([fd, bytes]) => [fd, (bytes as Uint8Array).length])).toEqual([
      [1, 8],
      [1, 5],
    ])
  })

  test.each<[string, () => void, string]>([
    ["was closed at start", () => fake.startWithout(1), "write stdout: bad file descriptor (EBADF)"],
    ["has no reader", () => fake.script("write", -32), "write stdout: broken pipe (EPIPE)"],
  ])("throws where stdout %s", (_, arrange, message) => {
    arrange()
    expect(() => writeStdout("x")).toThrow(message)
    expect(fake.stdout).toBe("")
  })

  test("does not mind that stdin was closed at start", () => {
    fake.startWithout(0)
    writeStdout("x")
    expect(fake.stdout).toBe("x")
  })
})

describe("readEnvironment", () => {
  test.each<[string, string[], [string, string][]]>([
    ["values with =", ["CNI_ARGS=IP=10.0.0.1;A=b"], [["CNI_ARGS", "IP=10.0.0.1;A=b"]]],
    ["empty values", ["A="], [["A", ""]]],
    ["the first of two", ["A=1", "A=2"], [["A", "1"]]],
    ["no name and no =", ["=x", "bare", ""], []],
    ["a name that objects have", ["__proto__=x"], [["__proto__", "x"]]],
  ])("reads %s", (_, environ, want) => {
    fake.script("environ", environ)
    expect([...readEnvironment()]).toEqual(want)
  })
})

test("randomBytes fills as many as are asked for, despite a signal", () => {
  fake.script("getrandom", -4)
  expect([...randomBytes(3)]).toEqual([7, 7, 7])
})

test("UTF-8 goes both ways, and what is none becomes U+FFFD", () => {
  expect(decodeUtf8(encodeUtf8("ä🙂"))).toBe("ä🙂")
  expect(decodeUtf8(Uint8Array.of(0x61, 0xff, 0x62))).toBe("a\ufffdb")
})

test("exit ends the process with a status", () => {
  expect(() => exit(3)).toThrow(new Exited(3))
})
