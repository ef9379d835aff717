import { parseResolvConf } from "../../../plugins/host-local/resolv-conf.ts"

const none = { nameservers: [], search: [], options: [] }

test.each<[string, string, object]>([
  ["an empty file", "", none],
  ["name servers in order", "nameserver 10.0.0.2\nnameserver fd00::2\n", { nameservers: ["10.0.0.2", "fd00::2"] }],
  ["one name server a line", "nameserver 10.0.0.2 10.0.0.3", { nameservers: ["10.0.0.2"] }],
  ["the last domain", "domain a.test\ndomain b.test", { domain: "b.test" }],
  ["all search lines", "search a.test b.test\nsearch c.test", { search: ["a.test", "b.test", "c.test"] }],
  ["options", "options ndots:2 rotate\noptions edns0", { options: ["ndots:2", "rotate", "edns0"] }],
  ["tabs and spaces", "  nameserver\t 10.0.0.2  \r\n", { nameservers: ["10.0.0.2"] }],
  ["comments", "# nameserver 1.1.1.1\n;nameserver 1.1.1.1\n#domain x", {}],
  ["keywords without a value, and unknown ones", "nameserver\nsortlist 10.0.0.0\nNameserver 1.1.1.1", {}],
])("%s", (_, text, want) => {
  expect(parseResolvConf(text)).toEqual({ ...none, ...want })
})
