import {
  type Address,
  AddressError,
  addOffset,
  compareAddresses,
  decodeAddress,
  encodeAddress,
  formatAddress,
  parseAddress,
} from "../../../lib/net/address.ts"

const hex = (address: Address) => Buffer.from(encodeAddress(address)).toString("hex")

test.each<[string, string, string]>([
  ["dotted", "10.1.0.5", "0a010005"],
  ["all zeros", "0.0.0.0", "00000000"],
  ["all ones", "255.255.255.255", "ffffffff"],
  ["ordinary IPv6", "2001:db8:0:1::2", "20010db8000000010000000000000002"],
  ["gap at the end", "fd00::", "fd000000000000000000000000000000"],
  ["gap at the start", "::1", "00000000000000000000000000000001"],
  ["nothing but a gap", "::", "00000000000000000000000000000000"],
  ["a gap of one group", "1:2:3:4:5:6:7::", "00010002000300040005000600070000"],
  ["eight groups", "1:2:3:4:5:6:7:8", "00010002000300040005000600070008"],
  ["upper case and leading zeros", "FD00:00aB::0001", "fd0000ab000000000000000000000001"],
  ["IPv4-mapped in dots", "::ffff:10.0.0.1", "0a000001"],
  ["IPv4-mapped in hex", "::ffff:a00:1", "0a000001"],
  ["embedded IPv4 after a gap", "64:ff9b::192.0.2.33", "0064ff9b0000000000000000c0000221"],
  ["embedded IPv4 after six groups", "1:2:3:4:5:6:1.2.3.4", "00010002000300040005000601020304"],
  ["embedded IPv4 alone", "::1.2.3.4", "00000000000000000000000001020304"],
])("parseAddress reads %s: %s", (_, text, want) => {
  expect(hex(parseAddress(text))).toBe(want)
})

test.each<[string, string]>([
  ["nothing", ""],
  ["three octets", "10.1.2"],
  ["five octets", "10.1.2.3.4"],
  ["an octet of 256", "10.1.2.256"],
  ["an octet of many digits", "10.1.2.0000000000003"],
  ["a leading zero", "10.1.2.03"],
  ["two zeros", "10.1.2.00"],
  ["an empty octet", "10..2.3"],
  ["a dot at the start", ".1.2.3"],
  ["a dot at the end", "1.2.3."],
  ["a sign", "10.1.2.-3"],
  ["hex in dots", "0x0a.1.2.3"],
  ["one number", "167837957"],
  ["a space", " 10.1.2.3"],
  ["a newline", "10.1.2.3\n"],
  ["a prefix length", "10.1.2.3/24"],
  ["other digits", "10.1.2.\u0663"],
  ["seven groups", "1:2:3:4:5:6:7"],
  ["nine groups", "1:2:3:4:5:6:7:8:9"],
  ["eight groups and a gap", "1:2:3:4::5:6:7:8"],
  ["two gaps", "1::2::3"],
  ["three colons", "1:::2"],
  ["a colon alone", ":"],
  ["one colon at the start", ":1:2:3:4:5:6:7"],
  ["one colon at the end", "1:2:3:4:5:6:7:"],
  ["three colons at the start", ":::1"],
  ["five hex digits", "::00001"],
  ["no hex digit", "::g"],
  ["a letter just below a", "::`"],
  ["a zone", "fe80::1%eth0"],
  ["a zone after embedded IPv4", "fe80::1.2.3.4%eth0"],
  ["an IPv6 prefix length", "fd00::/64"],
  ["a prefix length after embedded IPv4", "::1.2.3.4/64"],
  ["brackets", "[::1]"],
  ["embedded IPv4 with a leading zero", "::ffff:10.0.0.01"],
  ["embedded IPv4 of three octets", "::ffff:10.0.0"],
  ["embedded IPv4 in the middle", "::10.0.0.1:5"],
  ["embedded IPv4 after seven groups", "1:2:3:4:5:6:7:1.2.3.4"],
  ["embedded IPv4 after five groups", "1:2:3:4:5:1.2.3.4"],
  ["embedded IPv4 of too great an octet", "::10.0.0.256"],
])("parseAddress refuses %s: %j", (_, text) => {
  expect(() => parseAddress(text)).toThrow(new AddressError(`invalid IP address ${text}`))
})

test.each<[string, string, string]>([
  ["IPv4", "10.1.0.5", "10.1.0.5"],
  ["IPv4 of the high half", "200.255.0.1", "200.255.0.1"],
  ["lower case without leading zeros", "FD00:0:0:AB::01", "fd00:0:0:ab::1"],
  ["the longest run of zeros", "1:0:0:2:0:0:0:3", "1:0:0:2::3"],
  ["the first of two equal runs", "1:0:0:2:0:0:3:4", "1::2:0:0:3:4"],
  ["one zero group as it is", "1:0:2:3:4:5:6:7", "1:0:2:3:4:5:6:7"],
  ["a run at the end", "1:2:3:4:5:6:0:0", "1:2:3:4:5:6::"],
  ["a run at the start", "0:0:3:4:5:6:7:8", "::3:4:5:6:7:8"],
  ["a zero group at each end", "0:2:3:4:5:6:7:0", "0:2:3:4:5:6:7:0"],
  ["all zeros", "0:0:0:0:0:0:0:0", "::"],
  ["IPv4-mapped as IPv4", "::ffff:a00:1", "10.0.0.1"],
  ["IPv4-compatible in hex", "::10.0.0.1", "::a00:1"],
])("formatAddress writes %s", (_, text, want) => {
  expect(formatAddress(parseAddress(text))).toBe(want)
})

test("an IPv4-mapped address is of family 4", () => {
  expect(parseAddress("::ffff:10.0.0.1")).toEqual(parseAddress("10.0.0.1"))
  expect(parseAddress("10.0.0.1").family).toBe(4)
  expect(parseAddress("::fffe:10.0.0.1").family).toBe(6)
})

test("ordinary addresses are read without ip-address, dotted IPv6 with it", () => {
  let loads = 0
  jest.doMock("ip-address", () => {
    loads++
    return jest.requireActual("ip-address")
  })
  jest.isolateModules(() => {
    const fresh: typeof import("../../../lib/net/address.ts") = require("../../../lib/net/address.ts")
    for (const text of ["10.1.2.3", "fd00::5", "2001:db8:0:1::2", "::ffff:a00:1", "1:2:3:4:5:6:7:8"]) {
      expect(fresh.formatAddress(fresh.parseAddress(text))).toBe(text === "::ffff:a00:1" ? "10.0.0.1" : text)
    }
    for (const text of ["10.1.2", "fe80::1%eth0", "fe80::1.2.3.4%eth0", "x:1.2.3.4"]) {
      expect(() => fresh.parseAddress(text)).toThrow(text)
    }
    expect(loads).toBe(0)
    expect(fresh.formatAddress(fresh.parseAddress("::1.2.3.4"))).toBe("::102:304")
    expect(loads).toBe(1)
  })
})

test.each(["10.1.0.5", "255.255.255.255", "0.0.0.0", "fd00::5", "ffff:eeee:dddd:cccc:bbbb:aaaa:9999:8888", "::"])(
  "decodeAddress gives back what encodeAddress made of %s",
  text => {
    expect(formatAddress(decodeAddress(encodeAddress(parseAddress(text))))).toBe(text)
  },
)

test("decodeAddress takes sixteen bytes of an IPv4-mapped address for IPv4", () => {
  expect(decodeAddress(Buffer.from("00000000000000000000ffff0a000001", "hex"))).toEqual(parseAddress("10.0.0.1"))
})

test.each([0, 3, 5, 15, 17])("decodeAddress refuses %i bytes", length => {
  expect(() => decodeAddress(new Uint8Array(length))).toThrow(new AddressError(`invalid IP address of ${length} bytes`))
})

test("compareAddresses orders by value, not by text, and each word counts", () => {
  const sorted = ["::", "9.0.0.1", "10.0.0.0", "10.0.0.1", "200.0.0.0", "1::", "2::", "10::", "10::1", "10:0:0:1::"]
  const shuffled = [...sorted].reverse().map(parseAddress)
  expect(shuffled.sort(compareAddresses).map(formatAddress)).toEqual(sorted)
  expect(compareAddresses(parseAddress("::ffff:1.2.3.4"), parseAddress("1.2.3.4"))).toBe(0)
})

test.each<[string, number, string]>([
  ["10.1.0.255", 1, "10.1.1.0"],
  ["10.1.0.0", -1, "10.0.255.255"],
  ["127.255.255.255", 1, "128.0.0.0"],
  ["0.0.0.0", 2 ** 32 - 1, "255.255.255.255"],
  ["fd00::ffff:ffff", 1, "fd00::1:0:0"],
  ["fd00::", -1, "fcff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"],
  ["fd00::ffff:ffff:ffff:ffff", 1, "fd00:0:0:1::"],
  ["fd00::", 2 ** 52, "fd00::10:0:0:0"],
  ["::2:0:0:0", -1, "::1:ffff:ffff:ffff"],
])("addOffset: %s %i is %s", (text, offset, want) => {
  expect(formatAddress(addOffset(parseAddress(text), offset))).toBe(want)
})

test.each<[string, number, string]>([
  ["255.255.255.255", 1, "255.255.255.255 plus 1 is no IPv4 address"],
  ["0.0.0.0", -1, "0.0.0.0 plus -1 is no IPv4 address"],
  ["ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", 1, "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff plus 1 is no IPv6 address"],
  ["::", -1, ":: plus -1 is no IPv6 address"],
])("addOffset leaves no family: %s %i", (text, offset, want) => {
  expect(() => addOffset(parseAddress(text), offset)).toThrow(new AddressError(want))
})
