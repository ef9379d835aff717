import { AddressError } from "../../../lib/net/address.ts"
import { formatMac, localMac, parseMac } from "../../../lib/net/mac.ts"

const infiniband = "00:00:00:00:fe:80:00:00:00:00:00:00:02:00:5e:10:00:00:00:01"

test.each<[string, string, string]>([
  ["colons", "00:00:5e:00:53:01", "00:00:5e:00:53:01"],
  ["upper case", "AA:BB:CC:DD:EE:FF", "aa:bb:cc:dd:ee:ff"],
  ["dashes", "00-00-5e-00-53-01", "00:00:5e:00:53:01"],
  ["dots", "0000.5e00.5301", "00:00:5e:00:53:01"],
  ["EUI-64 in colons", "02:00:5e:10:00:00:00:01", "02:00:5e:10:00:00:00:01"],
  ["EUI-64 in dots", "0200.5e10.0000.0001", "02:00:5e:10:00:00:00:01"],
  ["InfiniBand in colons", infiniband, infiniband],
  ["InfiniBand in dots", "0000.0000.fe80.0000.0000.0000.0200.5e10.0000.0001", infiniband],
])("parseMac reads %s", (_, text, want) => {
  expect(formatMac(parseMac(text))).toBe(want)
})

test.each<[string, string]>([
  ["five bytes", "00:00:5e:00:53"],
  ["seven bytes", "00:00:5e:00:53:01:02"],
  ["one digit", "0:00:5e:00:53:01"],
  ["three digits", "000:00:5e:00:53:01"],
  ["mixed separators", "00:00-5e:00:53:01"],
  ["no separators", "00005e005301"],
  ["a colon at the end", "00:00:5e:00:53:01:"],
  ["a colon at the start", ":00:00:5e:00:53:01"],
  ["no hex digit", "00:00:5e:00:53:0g"],
  ["a space for a digit", "00:00:5e:00:53: 1"],
  ["a newline at the end", "00:00:5e:00:53:01\n"],
  ["dots after bytes", "00.00.5e.00.53.01"],
  ["dots in dotted groups misplaced", "0000.5e005.301"],
  ["colons in dotted groups", "0000:5e00:5301"],
  ["two groups in dots", "0000.5e00"],
])("parseMac refuses %s", (_, text) => {
  expect(() => parseMac(text)).toThrow(new AddressError(`address ${text}: invalid MAC address`))
})

test("parseMac refuses nothing, and names no address then, as Go does", () => {
  expect(() => parseMac("")).toThrow(new AddressError("invalid MAC address"))
})

test.each<[string, number[], string]>([
  ["all ones", [255, 255, 255, 255, 255, 255], "fe:ff:ff:ff:ff:ff"],
  ["all zeros", [0, 0, 0, 0, 0, 0], "02:00:00:00:00:00"],
  ["a multicast address", [0x01, 2, 3, 4, 5, 6], "02:02:03:04:05:06"],
])("localMac makes a unicast, locally administered address of %s", (_, random, want) => {
  const bytes = Uint8Array.from(random)
  expect(formatMac(localMac(bytes))).toBe(want)
  expect([...bytes]).toEqual(random)
})
