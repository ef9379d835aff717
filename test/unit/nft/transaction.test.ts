import "../../kit/fake-native.ts"
import { parseAddress } from "../../../lib/net/address.ts"
import { isRefusal, NetlinkError } from "../../../lib/netlink/errors.ts"
import { counter } from "../../../lib/nft/actions.ts"
import { inetProto, inetService, ipv4Addr } from "../../../lib/nft/data-types.ts"
import { type Chain, ForeignTable, type Table } from "../../../lib/nft/objects.ts"
import { defineSet } from "../../../lib/nft/sets.ts"
import type { Transaction } from "../../../lib/nft/transaction.ts"
import { jump } from "../../../lib/nft/verdicts.ts"
import { commit, messagesOf } from "../netlink/batch-peer.ts"
import { absent, generation, open, present, refuse, rules } from "./kernel.ts"

const NEW = "6.12.0-arch"
const OLD = "6.1.0-13-amd64"
const ERESTART = 85
const EINVAL = 22
const ENOENT = 2

const table: Table = { family: "inet", name: "patchbay" }
const chain: Chain = { table, name: "checks" }
const set = defineSet({ table, name: "ports", key: [inetProto, inetService] })
const map = defineSet({ table, name: "map", key: [inetService], value: [ipv4Addr] })
const ways = defineSet({ table, name: "ways", key: [inetService], value: "verdict" })

function thrownBy(run: () => unknown): NetlinkError {
  try {
    run()
  } catch (error) {
    if (error instanceof NetlinkError) return error
    throw error
  }
  throw new Error("nothing was thrown")
}

describe("a transaction", () => {
  test("is one batch, and gives what its plan gives", () => {
    const { nft, sent } = open(NEW, commit)
    const result = nft.transaction(t => {
      t.ensureTable(table)
      t.ensureChain(chain)
      t.flushChain(chain)
      t.addRule(chain, [counter()])
      t.ensureSet(set)
      t.createElements(set, [{ key: ["tcp", 80] }])
      t.ensureElements(ways, [{ key: [80], value: jump(chain) }])
      return 7
    })
    expect([result, sent()]).toEqual([7, ["begin newtable newchain delrule newrule newset newelem newelem end"]])
  })

  test("without changes sends nothing", () => {
    expect(open(NEW).nft.transaction(() => 7)).toBe(7)
  })

  test("whose plan throws sends nothing", () => {
    const { nft, sent } = open(NEW)
    const plan = (t: Transaction) => {
      t.ensureTable(table)
      throw new RangeError("changed my mind")
    }
    expect(() => nft.transaction(plan)).toThrow("changed my mind")
    expect(sent()).toEqual([])
  })

  test("throws the first refusal with the others", () => {
    const { nft } = open(NEW, refuse("EEXIST", [2, 17], [3, 17]))
    const error = thrownBy(() =>
      nft.transaction(t => {
        t.ensureTable(table)
        t.createElements(set, [{ key: ["tcp", 80] }, { key: ["udp", 53] }])
        t.createElements(map, [{ key: [80], value: [parseAddress("10.1.0.5")] }])
      }),
    )
    expect([error, ...error.others].map(({ message }) => message)).toEqual([
      "NFT_MSG_NEWSETELEM inet patchbay ports { tcp . 80, … 2 elements }: EEXIST (file exists)",
      "NFT_MSG_NEWSETELEM inet patchbay map { 80 }: EEXIST (file exists)",
    ])
  })

  test("has at most 128 elements in a message", () => {
    const { nft, sent, peer } = open(NEW, commit)
    nft.transaction(t =>
      t.createElements(
        set,
        Array.from({ length: 300 }, (_, i) => ({ key: ["tcp", i + 1] as const })),
      ),
    )
    expect(sent()).toEqual(["begin newelem newelem newelem end"])
    expect(messagesOf(peer.requests[0]!.bytes)[1]!.bytes.length).toBeLessThan(2 ** 16)
  })

  test("that is rehearsed has no end, and tells the first refusal", () => {
    const { nft, sent } = open(NEW, commit, refuse("EOPNOTSUPP", [1, 95]))
    const plan = (t: Transaction) => t.ensureTable(table)
    expect(nft.rehearse(plan)).toBeUndefined()
    expect(nft.rehearse(plan)?.code).toBe("EOPNOTSUPP")
    expect(sent()).toEqual(["begin newtable", "begin newtable"])
  })
})

describe("a plan that has looked at the ruleset", () => {
  const plan = (t: Transaction) => {
    for (const rule of t.current.listRules(chain)) if (rule.comment === "mine") t.removeRule(chain, rule)
    t.addRule(chain, [counter()], { comment: "mine" })
    return t.current.listRules(chain).length
  }

  test("takes effect only on the generation that it saw first", () => {
    const { nft, sent } = open(OLD, generation(5), rules(), rules(), commit)
    nft.transaction(plan)
    expect(sent()).toEqual(["getgen", "getrule", "getrule", "begin(5) newrule end"])
  })

  test("is made anew if there is another generation", () => {
    const late = refuse("ERESTART", [0, ERESTART])
    const { nft, sent } = open(
      OLD,
      ...[generation(5), rules([9, "other"]), rules(), late],
      ...[generation(6), rules([9, "other"], [10, "mine"]), present, rules([9, "other"]), commit],
    )
    expect(nft.transaction(plan)).toBe(1)
    expect(sent().slice(3)).toEqual([
      "begin(5) newrule end",
      ...["getgen", "getrule", "getrule", "getrule", "begin(6) delrule newrule end"],
    ])
  })

  test("is given up with EAGAIN if the generation never stays", () => {
    const once = [generation(5), rules(), rules(), refuse("ERESTART", [0, ERESTART])]
    const { nft, peer } = open(NEW, ...Array.from({ length: 32 }, () => once).flat())
    const error = thrownBy(() => nft.transaction(plan))
    expect([error.code, peer.unused]).toEqual(["EAGAIN", 0])
    expect(error.message).toBe("nf_tables transaction: EAGAIN (the ruleset changed during each of 32 attempts)")
  })
})

describe("removing", () => {
  const everything = (t: Transaction) => {
    t.removeRule(chain, { handle: 4 })
    t.removeElements(set, [
      ["tcp", 80],
      ["udp", 53],
    ])
    t.removeSet(set)
    t.removeChain(chain)
    t.removeTable(table)
  }

  test("leaves it to a new kernel to find what is absent, in what is there", () => {
    const { nft, sent } = open(NEW, present, present, present, commit)
    nft.transaction(everything)
    expect(sent()).toEqual([
      ...["getchain", "getset", "gettable"],
      "begin destroyrule destroyelem destroyset destroychain destroytable end",
    ])
  })

  test("asks a new kernel for nothing that is in what is absent", () => {
    const { nft, sent } = open(NEW, absent, absent, absent, commit)
    nft.transaction(everything)
    expect(sent()).toEqual(["getchain", "getset", "gettable", "begin destroytable end"])
  })

  test("looks first on an old kernel", () => {
    const { nft, sent } = open(OLD, present, absent, present, present, absent, present, commit)
    nft.transaction(everything)
    expect(sent()).toEqual([
      ...["getrule", "getelem", "getelem", "getset", "getchain", "gettable"],
      "begin delrule delset deltable end",
    ])
  })

  test.each(["6.3.0", "7.2.13", "10.0-rc1"])("%s is a new kernel", release => {
    const { nft, sent } = open(release, commit)
    nft.transaction(t => t.removeTable(table))
    expect(sent()).toEqual(["begin destroytable end"])
  })

  test.each(["6.2.16", "5.15.0-generic", "4.18", "", "unknown"])("%p is an old kernel", release => {
    const { nft, sent } = open(release, absent)
    nft.transaction(t => t.removeTable(table))
    expect(sent()).toEqual(["gettable"])
  })

  test("is planned anew, and from then on by looking, if the kernel does not know the messages", () => {
    const { nft, sent } = open(NEW, refuse("EINVAL", [1, EINVAL]), present, commit, absent)
    nft.transaction(t => t.removeTable(table))
    nft.transaction(t => t.removeTable(table))
    expect(sent()).toEqual(["begin destroytable end", "gettable", "begin deltable end", "gettable"])
  })

  test("is planned anew if somebody else was faster", () => {
    const { nft, sent } = open(NEW, present, refuse("ENOENT", [1, ENOENT]), absent)
    nft.transaction(t => t.removeChain(chain))
    expect(sent()).toEqual(["gettable", "begin destroychain end", "gettable"])
  })

  test.each([
    ["EINVAL", EINVAL],
    ["EBUSY", 16],
  ])("does not hide %s", (name, errno) => {
    const { nft } = open(OLD, present, refuse(name, [1, errno]))
    const error = thrownBy(() => nft.transaction(t => t.removeChain(chain)))
    expect([error.code, error.request]).toEqual([name, "NFT_MSG_DELCHAIN inet patchbay checks"])
  })

  test("nothing does nothing", () => {
    const { nft, sent } = open(NEW)
    nft.transaction(t => t.removeElements(set, []))
    expect(sent()).toEqual([])
  })

  test("a refusal of what is added is no reason to plan anew", () => {
    const { nft, sent } = open(NEW, refuse("ENOENT", [1, ENOENT]))
    expect(thrownBy(() => nft.transaction(t => t.addRule(chain, [counter()], { comment: "mine" }))).message).toContain(
      'NFT_MSG_NEWRULE inet patchbay checks "mine": ENOENT',
    )
    expect(sent()).toHaveLength(1)
  })
})

const iptables: Table[] = [
  ...(["filter", "nat", "mangle", "raw", "security"] as const).flatMap(name =>
    (["ip", "ip6", "bridge"] as const).map(family => ({ family, name })),
  ),
  { family: "bridge", name: "broute" },
]

describe("tables of iptables", () => {
  const writing: [string, (t: Transaction, table: Table) => void][] = [
    ["ensureTable", (t, table) => t.ensureTable(table)],
    ["ensureChain", (t, table) => t.ensureChain({ table, name: "x" })],
    ["flushChain", (t, table) => t.flushChain({ table, name: "x" })],
    ["addRule", (t, table) => t.addRule({ table, name: "x" }, [counter()])],
    ["ensureSet", (t, table) => t.ensureSet({ ...set, table })],
    ["createElements", (t, table) => t.createElements({ ...set, table }, [{ key: ["tcp", 1] }])],
    ["ensureElements", (t, table) => t.ensureElements({ ...set, table }, [{ key: ["tcp", 1] }])],
    ["removeTable", (t, table) => t.removeTable(table)],
  ]
  const removing: [string, (t: Transaction, table: Table) => void][] = [
    ["removeChain", (t, table) => t.removeChain({ table, name: "x" })],
    ["removeRule", (t, table) => t.removeRule({ table, name: "x" }, { handle: 1 })],
    ["removeSet", (t, table) => t.removeSet({ ...set, table })],
    ["removeElements", (t, table) => t.removeElements({ ...set, table }, [["tcp", 1]])],
  ]

  test.each([...writing, ...removing])("are refused by %s", (name, change) => {
    const isRemoval = removing.some(([other]) => other === name)
    for (const table of iptables) {
      if (isRemoval && table.family === "bridge" && table.name === "nat") continue
      const { nft, sent } = open(NEW)
      expect(() => nft.transaction(t => change(t, table))).toThrow(ForeignTable)
      expect(sent()).toEqual([])
    }
  })

  test.each(removing)("but %s takes out of bridge nat what the reference has put there", (_, change) => {
    const { nft, peer } = open(NEW, present, commit)
    nft.transaction(t => change(t, { family: "bridge", name: "nat" }))
    expect(peer.unused).toBe(0)
  })

  test("are none of family inet, nor is a table of another name", () => {
    const { nft, peer } = open(NEW, commit)
    nft.transaction(t => {
      t.ensureTable({ family: "inet", name: "nat" })
      t.ensureTable({ family: "ip", name: "natural" })
    })
    expect(peer.unused).toBe(0)
  })

  test("are named in the refusal", () => {
    expect(() => open(NEW).nft.transaction(t => t.ensureTable({ family: "ip", name: "nat" }))).toThrow(
      "table ip nat belongs to iptables: nothing may be written into it natively",
    )
  })
})

test("isRefusal knows a transaction's errors", () => {
  const { nft } = open(NEW, refuse("EEXIST", [1, 17]))
  expect(
    isRefusal(
      thrownBy(() => nft.transaction(t => t.ensureTable(table))),
      "EEXIST",
    ),
  ).toBe(true)
})
