import "../../kit/fake-native.ts"
import { decodeAddress, formatAddress } from "../../../lib/net/address.ts"
import { parsePrefix } from "../../../lib/net/prefix.ts"
import { encodePattern, ipv4Addr } from "../../../lib/nft/data-types.ts"
import { intervalElements } from "../../../lib/nft/intervals.ts"

const INTERVAL_END = 1

/** The elements as text: a key, "end" if an interval ends before it, "open" if it never does. */
function elementsOf(...prefixes: string[]): string[] {
  return intervalElements(prefixes.map(text => encodePattern(ipv4Addr, parsePrefix(text)))).map(
    ({ flags, key, userdata }) =>
      [
        formatAddress(decodeAddress(key!.value!)),
        ...(flags === INTERVAL_END ? ["end"] : []),
        ...(userdata === undefined ? [] : [userdata[0] === 1 && userdata[1] === 4 ? "open" : "?"]),
      ].join(" "),
  )
}

test.each<[string, string[], string[]]>([
  ["one prefix", ["10.0.0.0/8"], ["0.0.0.0 end", "10.0.0.0", "11.0.0.0 end"]],
  ["one address", ["10.0.0.1/32"], ["0.0.0.0 end", "10.0.0.1", "10.0.0.2 end"]],
  ["the first addresses", ["0.0.0.0/8"], ["0.0.0.0", "1.0.0.0 end"]],
  ["the last addresses", ["255.255.255.0/24"], ["0.0.0.0 end", "255.255.255.0 open"]],
  ["all addresses", ["0.0.0.0/0"], ["0.0.0.0 open"]],
  [
    "several, in whatever order",
    ["192.168.1.1/32", "10.0.0.0/8"],
    ["0.0.0.0 end", "10.0.0.0", "11.0.0.0 end", "192.168.1.1", "192.168.1.2 end"],
  ],
  ["one within another", ["10.1.0.0/16", "10.0.0.0/8"], ["0.0.0.0 end", "10.0.0.0", "11.0.0.0 end"]],
  ["the same twice", ["10.0.0.0/8", "10.0.0.0/8"], ["0.0.0.0 end", "10.0.0.0", "11.0.0.0 end"]],
  ["neighbours", ["10.0.0.0/9", "10.128.0.0/9"], ["0.0.0.0 end", "10.0.0.0", "11.0.0.0 end"]],
  ["a carry through all bytes", ["10.255.255.255/32"], ["0.0.0.0 end", "10.255.255.255", "11.0.0.0 end"]],
  ["one within what never ends", ["255.0.0.0/8", "255.1.0.0/16"], ["0.0.0.0 end", "255.0.0.0 open"]],
])("%s", (_, prefixes, want) => {
  expect(elementsOf(...prefixes)).toEqual(want)
})
