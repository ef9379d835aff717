import { formatOwner, isAddressName, isOwner, makeStaleTest } from "../../../plugins/host-local/owner.ts"

test("an owner is written as the reference writes it", () => {
  expect(formatOwner({ containerId: "box-1", ifname: "eth0" })).toBe("box-1\r\neth0")
})

test.each<[string, string, boolean]>([
  ["a container and an interface", "box_1.a-b\r\neth0", true],
  ["a container alone, as before 0.8", "box", true],
  ["an interface that is not ASCII", "box\r\nä0", true],
  ["nothing", "", false],
  ["zero bytes, as after a power failure", "\0\0\0\0", false],
  ["no interface after the line end", "box\r\n", false],
  ["a Unix line end", "box\neth0", false],
  ["three lines", "box\r\neth0\r\nmore", false],
  ["an ID that no runtime may give", "-box\r\neth0", false],
  ["an interface that leads out of a folder", "box\r\n../x", false],
  ["words", "in use by hand", false],
])("%s: isOwner(%j) is %s", (_, text, want) => {
  expect(isOwner(text)).toBe(want)
})

test.each<[string, boolean]>([
  ["10.1.2.5", true],
  ["fd00::5", true],
  ["::1", true],
  ["FD00::5", true],
  ["lock", false],
  ["last_reserved_ip.0", false],
  [".", false],
  ["..", false],
  [".new-1-2.3", false],
  ["10", false],
  ["cafe", false],
  ["10.1.2.5~", false],
  ["../10.1.2.5", false],
])("isAddressName(%j) is %s", (name, want) => {
  expect(isAddressName(name)).toBe(want)
})

test.each<[string, string, boolean]>([
  ["a valid attachment's", "one\r\neth0", false],
  ["another interface's of its container", "one\r\neth1", true],
  ["another container's", "two\r\neth0", true],
  ["a valid container's in the old form", "one", false],
  ["another container's in the old form", "two", true],
])("the stale test on %s owner", (_, owner, want) => {
  expect(makeStaleTest([{ containerId: "one", ifname: "eth0" }])(owner)).toBe(want)
})

test("with no valid attachment every owner is stale", () => {
  expect(["one\r\neth0", "one"].map(makeStaleTest([]))).toEqual([true, true])
})
