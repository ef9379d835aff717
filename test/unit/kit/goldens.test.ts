import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import {
  compareGolden,
  formatGolden,
  matchGolden,
  parseGolden,
  renewGolden,
  type WireMessage,
} from "../../kit/goldens.ts"

const text = `# ip link add br0 type bridge
# (iproute2 6.1.0, Linux 6.18)

> create
0000  0600 1000            length 6, type 16
0004  .... 7f              sequence, last

< acknowledge
0000  0102
`

const sent = (...bytes: number[]): WireMessage => ({ direction: "sent", bytes: Uint8Array.from(bytes) })
const received = (...bytes: number[]): WireMessage => ({ direction: "received", bytes: Uint8Array.from(bytes) })
const create = sent(6, 0, 16, 0, 77, 78, 0x7f)
const acknowledge = received(1, 2)

describe("a golden", () => {
  it("is read and written back as it was", () => {
    const golden = parseGolden(text)
    expect(golden.header).toEqual(["ip link add br0 type bridge", "(iproute2 6.1.0, Linux 6.18)"])
    expect(golden.messages[0]?.lines[1]).toEqual({
      offset: 4,
      bytes: [undefined, undefined, 0x7f],
      note: "sequence, last",
    })
    expect(formatGolden(golden)).toBe(text)
  })

  const malformed: [string, string, RegExp][] = [
    ["bytes before any message", "0000  01", /line 1 is malformed/],
    ["half a byte", "> x\n0000  012", /line 2 is malformed/],
    ["no offset", "> x\n01 02", /line 2 is malformed/],
    ["an offset that does not follow", "> x\n0000  0102\n0003  01", /line 3: offset 0002 expected/],
  ]
  it.each(malformed)("is refused with %s", (_, bad, message) => {
    expect(() => parseGolden(bad)).toThrow(message)
  })

  const rows: [string, WireMessage[], string[]][] = [
    ["nothing if all fits, with any byte where .. stands", [create, acknowledge], []],
    ["a missing message", [create], ["message 2 (acknowledge) is missing"]],
    ["all messages missing", [], ["message 1 (create) is missing", "message 2 (acknowledge) is missing"]],
    ["an extra message", [create, acknowledge, sent(9)], ["message 3 is extra: sent 09"]],
    ["the wrong direction", [create, sent(1, 2)], ["message 2 (acknowledge) was sent, not received: sent 0102"]],
    [
      "the line that differs",
      [sent(6, 0, 17, 0, 0, 0, 0x7f), acknowledge],
      ["message 1 (create) wanted 0000  0600 1000            length 6, type 16, got 0600 1100"],
    ],
    ["bytes that are missing", [create, received(1)], ["message 2 (acknowledge) wanted 0000  0102, got 01"]],
    ["a message that is empty", [create, received()], ["message 2 (acknowledge) wanted 0000  0102, got nothing"]],
    ["bytes that are extra", [create, received(1, 2, 3, 4)], ["message 2 (acknowledge) has 2 bytes more: 0304"]],
  ]
  it.each(rows)("tells %s", (_, actual, want) => {
    expect(compareGolden(parseGolden(text), actual)).toEqual(want)
  })

  it("keeps its words where the bytes still fit when it is renewed", () => {
    const renewed = renewGolden(parseGolden(text), [sent(6, 0, 16, 0, 1, 2, 3, 4, 5), sent(7)])
    expect(formatGolden(renewed)).toBe(`# ip link add br0 type bridge
# (iproute2 6.1.0, Linux 6.18)

> create
0000  0600 1000            length 6, type 16
0004  0102 0304
0008  05

>
0000  07
`)
  })
})

describe("matchGolden", () => {
  let folder: string
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), "golden-"))
  })
  afterEach(() => {
    delete process.env.PATCHBAY_REGENERATE_GOLDENS
    rmSync(folder, { recursive: true })
  })

  it("fails without a file and does not write one", () => {
    const file = join(folder, "new.txt")
    expect(() => matchGolden(file, [create])).toThrow(/no such golden/)
    expect(() => readFileSync(file)).toThrow("ENOENT")
  })

  it("fails on a difference and leaves the file alone", () => {
    const file = join(folder, "old.txt")
    writeFileSync(file, text)
    expect(() => matchGolden(file, [create])).toThrow(`${file}:\n  message 2 (acknowledge) is missing`)
    expect(readFileSync(file, "utf8")).toBe(text)
    expect(() => matchGolden(file, [create, acknowledge])).not.toThrow()
  })

  it("writes only when the flag asks for it, and what it wrote matches", () => {
    const file = join(folder, "sub", "new.txt")
    process.env.PATCHBAY_REGENERATE_GOLDENS = "1"
    matchGolden(file, [create, acknowledge], ["made by a test"])
    delete process.env.PATCHBAY_REGENERATE_GOLDENS
    expect(readFileSync(file, "utf8")).toMatch(/^# made by a test\n\n>\n0000 {2}0600 1000/)
    expect(() => matchGolden(file, [create, acknowledge])).not.toThrow()
    expect(() => matchGolden(file, [create])).toThrow(/missing/)
  })
})
