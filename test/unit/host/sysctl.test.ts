import "../../kit/fake-native.ts"
import { ensureSysctl, findSysctl, readSysctl, writeSysctl, writeSysctlIfThere } from "../../../lib/host/sysctl.ts"
import { startTrace } from "../../../lib/sys/trace.ts"
import { fake } from "../../kit/fake-native.ts"

const NAME = "net/ipv4/ip_forward"
const FILE = `/proc/sys/${NAME}`

beforeEach(() => fake.files.put(FILE, "0\n"))

test("readSysctl gives the value without its newline", () => {
  expect(readSysctl(NAME)).toBe("0")
})

test("readSysctl throws where there is no such setting", () => {
  expect(() => readSysctl("net/ipv9/x")).toThrow("open /proc/sys/net/ipv9/x: no such file or directory (ENOENT)")
})

test("findSysctl tells undefined where this kernel lacks the setting", () => {
  expect(findSysctl("net/ipv6/conf/all/forwarding")).toBeUndefined()
  expect(findSysctl(NAME)).toBe("0")
})

test("findSysctl throws other refusals", () => {
  fake.script("open", -13)
  expect(() => findSysctl(NAME)).toThrow(`open ${FILE}: permission denied (EACCES)`)
})

test("writeSysctl writes an existing setting, and never makes one", () => {
  writeSysctl(NAME, "1")
  expect(fake.files.get(FILE)).toMatch(/^1/)
  expect(() => writeSysctl("net/ipv9/x", "1")).toThrow("no such file or directory")
})

test("writeSysctlIfThere passes over a setting that this kernel lacks, and no other refusal", () => {
  expect(writeSysctlIfThere(NAME, "1")).toBe(true)
  expect(fake.files.get(FILE)).toMatch(/^1/)
  expect(writeSysctlIfThere("net/ipv6/conf/eth0/accept_dad", "0")).toBe(false)
  fake.script("open", -13)
  expect(() => writeSysctlIfThere(NAME, "1")).toThrow(`open ${FILE}: permission denied (EACCES)`)
})

test("writeSysctl tells the trace", () => {
  startTrace("stderr", "t")
  writeSysctl(NAME, "1")
  startTrace("", "")
  expect(fake.stderr).toBe("t 0.000 sysctl net/ipv4/ip_forward = 1\n")
})

test("ensureSysctl writes only what differs: a read-only /proc/sys is no obstacle where all is right (R78)", () => {
  expect(ensureSysctl(NAME, "0")).toBe(false)
  expect(fake.given("write")).toEqual([])
  expect(ensureSysctl(NAME, "1")).toBe(true)
  expect(fake.files.get(FILE)).toMatch(/^1/)
})

test("ensureSysctl throws if it must write and may not", () => {
  fake.script("open", (path: string, flags: number) => fake.files.open(path, flags), -30)
  expect(() => ensureSysctl(NAME, "1")).toThrow(`open ${FILE}: `)
})
