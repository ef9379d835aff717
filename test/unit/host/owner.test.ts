import "../../kit/fake-native.ts"
import { type Attachment, formatOwner, HOST_VETH_NAMES, hostVethName, isStaleOwner } from "../../../lib/host/owner.ts"

const ATTACHMENT: Attachment = { network: "net", containerId: "c1", ifname: "eth0" }
const LONG = "n".repeat(200)

/** IFALIASZ of linux/if.h is 256, the NUL included. */
const ALIAS_BYTES = 255

describe("formatOwner", () => {
  test.each<[string, Attachment, string]>([
    ["names as they are", ATTACHMENT, "patchbay net c1 eth0"],
    [
      "a container ID of 64 digits",
      { ...ATTACHMENT, containerId: "a".repeat(64) },
      `patchbay net ${"a".repeat(64)} eth0`,
    ],
    ["the longest that fits", { ...ATTACHMENT, network: "n".repeat(238) }, `patchbay ${"n".repeat(238)} c1 eth0`],
    ["hashes of what does not fit", { ...ATTACHMENT, network: "n".repeat(239) }, "patchbay #79850b79 #61c0e0a0 eth0"],
    [
      "hashes of what does not fit in UTF-8",
      { ...ATTACHMENT, network: "n".repeat(237), ifname: "日本語" },
      "patchbay #e011011f #61c0e0a0 日本語",
    ],
  ])("tells %s", (_, attachment, want) => {
    expect(formatOwner(attachment)).toBe(want)
    expect(Buffer.byteLength(formatOwner(attachment))).toBeLessThanOrEqual(ALIAS_BYTES)
  })

  test("tells long names apart", () => {
    const owners = [LONG, `${LONG}a`].flatMap(network =>
      [LONG, `${LONG}b`].map(containerId => formatOwner({ network, containerId, ifname: "eth0" })),
    )
    expect(new Set(owners).size).toBe(4)
  })
})

describe("isStaleOwner (R120 to R123)", () => {
  const owner = formatOwner(ATTACHMENT)
  const long: Attachment = { network: LONG, containerId: LONG, ifname: "eth0" }
  const longContainer: Attachment = { ...ATTACHMENT, containerId: "c".repeat(300) }

  test.each<[string, string, string, Attachment[], boolean]>([
    ["of nobody valid", owner, "net", [], true],
    ["of another container that is valid", owner, "net", [{ ...ATTACHMENT, containerId: "c2" }], true],
    ["of another interface that is valid (R123)", owner, "net", [{ ...ATTACHMENT, ifname: "eth1" }], true],
    ["that is valid", owner, "net", [{ ...ATTACHMENT, containerId: "c2" }, ATTACHMENT], false],
    ["of another network (R122)", owner, "net2", [], false],
    ["of long names", formatOwner(long), LONG, [], true],
    ["of long names that is valid", formatOwner(long), LONG, [long], false],
    ["of long names on another network", formatOwner(long), `${LONG}x`, [], false],
    ["of a long container ID alone", formatOwner(longContainer), "net", [], true],
    ["of a long container ID that is valid", formatOwner(longContainer), "net", [longContainer], false],
    ["that is somebody's own", "uplink to the switch", "net", [], false],
    ["that only begins as ours", "patchbay net c1 eth0 x", "net", [], false],
    ["that is cut short", "patchbay net c1", "net", [], false],
    ["that is empty", "", "net", [], false],
  ])("an alias %s", (_, alias, network, valid, want) => {
    expect(isStaleOwner(alias, network, valid)).toBe(want)
  })
})

describe("hostVethName", () => {
  // DEL of a later release must find what ADD of this one made.
  test.each<[Attachment, number, string]>([
    [ATTACHMENT, 0, "veth04c44ba1"],
    [ATTACHMENT, 1, "vethc46231f4"],
    [ATTACHMENT, 2, "veth7b1fc3a5"],
    [{ network: "dbnet", containerId: "container-1", ifname: "eth0" }, 0, "veth8064ed44"],
  ])("gives %j at attempt %d the name %s, in every release", (attachment, attempt, want) => {
    expect(hostVethName(attachment, attempt)).toBe(want)
  })

  test("gives names of the kernel's length, different for each attempt and each part of the attachment", () => {
    const others = [
      ATTACHMENT,
      { ...ATTACHMENT, network: "net2" },
      { ...ATTACHMENT, containerId: "c2" },
      { ...ATTACHMENT, ifname: "eth1" },
    ]
    const attempts = Array.from({ length: HOST_VETH_NAMES }, (_, attempt) => attempt)
    const names = others.flatMap(attachment => attempts.map(attempt => hostVethName(attachment, attempt)))
    expect(new Set(names).size).toBe(others.length * HOST_VETH_NAMES)
    expect(names.filter(name => !/^veth[0-9a-f]{8}$/.test(name))).toEqual([])
  })

  test("spreads ten thousand containers without a name that comes too often", () => {
    const names = Array.from({ length: 10_000 }, (_, i) => hostVethName({ ...ATTACHMENT, containerId: `c${i}` }, 0))
    expect(new Set(names).size).toBeGreaterThan(9_998)
  })
})
