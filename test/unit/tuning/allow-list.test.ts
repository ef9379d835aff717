import "../../kit/fake-native.ts"
import { demandAllowed, demandPatterns } from "../../../plugins/tuning/allow-list.ts"
import { fake } from "../../kit/fake-native.ts"
import { thrownBy } from "../../kit/thrown.ts"

const PATH = "/etc/cni/tuning/allowlist.conf"
const codes = { list: 5, key: 7 }
const KEY = "net.ipv4.conf.IFNAME.rp_filter"

const allow = (list: string | undefined, ...keys: string[]) => {
  if (list !== undefined) fake.files.put(PATH, list)
  demandAllowed(keys, codes)
}

test.each<[name: string, list: string | undefined]>([
  ["there is no list", undefined],
  ["a line is part of the key", "net.core\nipv4\n"],
  ["a line has white space around it", "\t ^net\\.ipv4\\.  \r\n"],
  ["a line is the key as the configuration writes it", "^net\\.ipv4\\.conf\\.IFNAME\\.[a-z_]*$"],
  ["a line after it is no pattern", "net\n(?=net)"],
])("a sysctl is allowed where %s", (_, list) => {
  expect(() => allow(list, KEY)).not.toThrow()
})

test.each<[name: string, list: string, shown: string]>([
  ["no line matches", "net.core\n\n  ^net\\.ipv6  \n", "[net.core ^net\\.ipv6]"],
  ["the list is empty", "", "[]"],
  ["the list is white space", "\n \n\t\n", "[]"],
  [
    "a line is the key with the interface's name in it",
    "^net\\.ipv4\\.conf\\.eth0\\.",
    "[^net\\.ipv4\\.conf\\.eth0\\.]",
  ],
  ["a line has other separators", "^net/ipv4", "[^net/ipv4]"],
])("a sysctl is refused where %s", (_, list, shown) => {
  const error = thrownBy(() => allow(list, KEY))
  const message = `Sysctl ${KEY} is not allowed. Only the following sysctls are allowed: ${shown}`
  expect(error).toMatchObject({ code: 7, message })
})

test("every sysctl must be allowed", () => {
  expect(() => allow("net.core", "net.core.x", "net.core.y")).not.toThrow()
  expect(() => allow("net.core", "net.core.x", KEY)).toThrow(`Sysctl ${KEY} is not allowed`)
})

test("a line that is no pattern is refused where it is met, and told with its file", () => {
  const error = thrownBy(() => allow("net.core\n(?=net)\nnet", KEY))
  const message = "error parsing regexp: invalid or unsupported Perl syntax: `(?=`"
  expect(error).toMatchObject({ code: 5, message, details: `in ${PATH}: "(?=net)"` })
})

test("a list that cannot be read is an error, not an absent one", () => {
  fake.files.put(PATH, "net")
  fake.script("read", -5)
  expect(thrownBy(() => demandAllowed([KEY], codes))).toMatchObject({
    code: 5,
    message: expect.stringContaining(`the list of allowed sysctls cannot be read: read ${PATH}:`),
  })
})

test("demandPatterns looks at every line", () => {
  demandPatterns(codes)
  fake.files.put(PATH, "net\n\n(a\n")
  expect(() => demandPatterns(codes)).toThrow("missing closing )")
})
