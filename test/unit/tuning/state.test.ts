import "../../kit/fake-native.ts"
import { formatState, parseState, planState, type State, StateError } from "../../../plugins/tuning/state.ts"

const MAC = "02:00:00:00:00:01"
const nothing = { link: {}, sysctls: {} }
const full: State = {
  network: "net",
  before: {
    link: { mac: MAC, promisc: false, mtu: 1500, allmulti: false, txQLen: 1000 },
    sysctls: { "net/core/somaxconn": "128" },
  },
  set: { link: { mtu: 1400, promisc: true }, sysctls: { "net/core/somaxconn": "500" } },
}

test("a state file begins as the reference's does, and is indented by one space", () => {
  expect(formatState(full)).toBe(`{
 "mac": "${MAC}",
 "promisc": false,
 "mtu": 1500,
 "allmulti": false,
 "txQLen": 1000,
 "patchbay": {
  "network": "net",
  "sysctl": {
   "net/core/somaxconn": "128"
  },
  "set": {
   "mtu": 1400,
   "promisc": true,
   "sysctl": {
    "net/core/somaxconn": "500"
   }
  }
 }
}`)
})

test("a state file names only what is changed", () => {
  const text = formatState({ network: "net", before: { link: { mtu: 1500 }, sysctls: {} }, set: nothing })
  expect(Object.keys(JSON.parse(text))).toEqual(["mtu", "patchbay"])
})

test("what is written is read again", () => {
  expect(parseState(formatState(full))).toEqual(full)
})

describe("a state file of the reference's is read", () => {
  test.each<[string, string, object]>([
    [
      "with everything",
      `{\n "mac": "02:00:00:00:00:01",\n "promisc": false,\n "mtu": 1500,\n "allmulti": true,\n "txQLen": 0\n}`,
      { mac: MAC, promisc: false, mtu: 1500, allmulti: true, txQLen: 0 },
    ],
    ["with one thing", `{\n "promisc": true\n}`, { promisc: true }],
    ["with nothing", "{}", {}],
    ["with what stands for nothing", '{"mac":"","mtu":0,"promisc":null}', {}],
    ["with a MAC in capitals", '{"mac":"02:00:00:00:00:0A"}', { mac: "02:00:00:00:00:0a" }],
    ["with keys that nobody knows", '{"mtu":1500,"patchbay":7,"x":[]}', { mtu: 1500 }],
  ])("%s", (_, text, link) => {
    expect(parseState(text)).toEqual({ network: undefined, before: { link, sysctls: {} }, set: nothing })
  })
})

test.each<[string, string]>([
  ["", "end"],
  ["garbage", "token"],
  ["[]", "it is no JSON object"],
  ["null", "it is no JSON object"],
  ['{"mac":7}', "its mac is 7"],
  ['{"mac":"zz"}', "its mac is zz"],
  ['{"mtu":-1}', "its mtu is -1"],
  ['{"mtu":1.5}', "its mtu is 1.5"],
  ['{"txQLen":4294967296}', "its txQLen is 4294967296"],
  ['{"promisc":"x"}', 'its promisc is "x"'],
  ['{"patchbay":{"set":{"allmulti":1}}}', "its allmulti is 1"],
])("%j is no state", (text, problem) => {
  expect(() => parseState(text)).toThrow(StateError)
  expect(() => parseState(text)).toThrow(problem)
})

test("a state file cannot name anything outside of net", () => {
  const sysctl = { "kernel/x": "1", "net/../kernel/x": "1", "/net/x": "1", "net/a": 7, "net/b": "1" }
  expect(parseState(JSON.stringify({ patchbay: { sysctl } })).before.sysctls).toEqual({ "net/b": "1" })
})

describe("the state of an ADD", () => {
  const link = (settings: object, sysctls = {}) => ({ link: settings, sysctls })

  test("is how everything was", () => {
    const now = link({ mtu: 1500, mac: MAC }, { "net/a": "1" })
    const wanted = link({ mtu: 1400, mac: "02:00:00:00:00:02" }, { "net/a": "2", "net/flush": "1" })
    expect(planState("net", undefined, now, wanted)).toEqual({ network: "net", before: now, set: wanted })
  })

  test.each<[string, object, object]>([
    ["what an earlier ADD changed was as that found it", link({ mtu: 1400 }), link({ mtu: 1500 })],
    ["what is not as an earlier ADD set it was as it is", link({ mtu: 1300 }), link({ mtu: 1300 })],
    ["of what else is changed, as it is", link({ mtu: 1400, txQLen: 7 }), link({ mtu: 1500, txQLen: 7 })],
    ["what else was changed before is kept", link({ txQLen: 7 }), link({ mtu: 1500, txQLen: 7 })],
  ])("%s", (_, now, want) => {
    const earlier = { network: "net", before: link({ mtu: 1500 }), set: link({ mtu: 1400 }) }
    expect(planState("net", earlier, now as never, link({})).before).toEqual(want)
  })

  test("sysctls likewise, whatever the white space", () => {
    const earlier = {
      network: "other",
      before: link({}, { "net/a": "1 2", "net/b": "5", "net/c": "0" }),
      set: link({}, { "net/a": "3 4", "net/b": "6", "net/c": "1" }),
    }
    const now = link({}, { "net/a": "3\t4", "net/b": "7" })
    const state = planState("net", earlier, now, link({}, { "net/a": "8 9", "net/b": "9" }))
    expect(state).toEqual({
      network: "net",
      before: link({}, { "net/a": "1 2", "net/b": "7", "net/c": "0" }),
      set: link({}, { "net/a": "8 9", "net/b": "9", "net/c": "1" }),
    })
  })

  test("a file of the reference's says nothing of what was set, so everything was as it is, or as it says", () => {
    const earlier = parseState('{"mtu":1500,"txQLen":1000}')
    const { before } = planState("net", earlier, link({ mtu: 1400 }), link({ mtu: 1300 }))
    expect(before.link).toEqual({ mtu: 1400, txQLen: 1000 })
  })
})
