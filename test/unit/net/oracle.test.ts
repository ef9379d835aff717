/**
 * lib/net against independent judges, on thousands of seeded cases: ip-address and netmask, Node's own parser, BigInt.
 */
import net from "node:net"
import { Address4, Address6 } from "ip-address"
import { Netmask } from "netmask"
import {
  type Address,
  addOffset,
  addressOfWords,
  compareAddresses,
  formatAddress,
  parseAddress,
} from "../../../lib/net/address.ts"
import {
  formatPrefix,
  hasHostBits,
  lastAddress,
  networkAddress,
  parsePrefix,
  prefixContains,
} from "../../../lib/net/prefix.ts"
import {
  intersectRanges,
  type Range,
  rangeContains,
  rangeSize,
  rangesOverlap,
  subtractRange,
} from "../../../lib/net/range.ts"
import { randomWord, type Seeded, seeded } from "./seeded.ts"

const CASES = 5000

const randomV4 = (random: Seeded) => addressOfWords(0, 0, 0xffff, randomWord(random))
const randomV6 = (random: Seeded) => {
  const [w0, w1, w2, w3] = [randomWord(random), randomWord(random), randomWord(random), randomWord(random)]
  return addressOfWords(w0, w1, w0 === 0 && w1 === 0 && w2 === 0xffff ? 0 : w2, w3)
}
const toBigInt = ({ w0, w1, w2, w3 }: Address) =>
  (BigInt(w0) << 96n) | (BigInt(w1) << 64n) | (BigInt(w2) << 32n) | BigInt(w3)
const toGroups = (address: Address) => toBigInt(address).toString(16).padStart(32, "0").match(/.{4}/g)!

/** Spells the address in one of the ways IPv6 text may: case, zeros before digits, a gap or none, a dotted end. */
function spell(address: Address, random: Seeded): string {
  const groups = toGroups(address).map(group => (random.below(2) ? group : group.replace(/^0{1,3}/, "")))
  const head = groups.slice(0, 6).join(":")
  const low = address.w3
  const dotted = `${head}:${low >>> 24}.${(low >>> 16) & 255}.${(low >>> 8) & 255}.${low & 255}`
  const full = random.below(4) === 0 ? dotted : groups.join(":")
  const gaps = [...full.matchAll(/(?<![0-9a-f.])0{1,4}(?::0{1,4})*(?![0-9a-f.])/g)]
  const gap = gaps.length > 0 && random.below(2) ? random.pick(gaps) : undefined
  const text = gap
    ? `${full.slice(0, gap.index)}::${full.slice(gap.index + gap[0].length)}`.replace(/:{3,}/g, "::")
    : full
  return random.below(2) ? text.toUpperCase() : text
}

function mutate(text: string, random: Seeded): string {
  const at = random.below(text.length + 1)
  const character = random.pick([..."0123456789abcdefABCDEFg:.:.%/ "])
  return text.slice(0, at) + (random.below(3) ? character : "") + text.slice(at + random.below(3))
}

/** Runs `body` for many cases and fails once, with what differed: expect() itself would take most of the time. */
function compareCases(seed: number, cases: number, body: (random: Seeded, same: Same) => void): void {
  const random = seeded(seed)
  const wrong: unknown[] = []
  for (let i = 0; i < cases; i++) {
    body(random, (what, got, want) => {
      if (got !== want) wrong.push({ what, got, want })
    })
  }
  expect(wrong.slice(0, 10)).toEqual([])
}
type Same = <T>(what: string, got: T, want: T) => void

test("IPv6 text means what ip-address takes it for, however it is spelt", () => {
  compareCases(1, CASES, (random, same) => {
    const address = randomV6(random)
    const text = spell(address, random)
    const got = toBigInt(parseAddress(text))
    same(text, got, new Address6(text).bigInt())
    same(text, got, toBigInt(address))
  })
})

test("IPv6 is written as ip-address writes it", () => {
  compareCases(2, CASES, (random, same) => {
    const address = randomV6(random)
    same("text", formatAddress(address), new Address6(toGroups(address).join(":")).correctForm())
  })
})

test("IPv4 is read and written as ip-address does it", () => {
  compareCases(3, CASES, (random, same) => {
    const address = randomV4(random)
    const judge = Address4.fromInteger(address.w3).correctForm()
    same("text", formatAddress(address), judge)
    same(judge, parseAddress(judge).w3, address.w3)
  })
})

test("text with a mistake in it is refused exactly where Node refuses it", () => {
  let refused = 0
  compareCases(4, 4 * CASES, (random, same) => {
    const sound = random.below(3) ? spell(randomV6(random), random) : formatAddress(randomV4(random))
    const text = mutate(sound, random)
    let isRead = true
    try {
      parseAddress(text)
    } catch (error) {
      same(text, String(error), `AddressError: invalid IP address ${text}`)
      isRead = false
      refused++
    }
    same(text, isRead, net.isIP(text) !== 0 && !text.includes("%"))
  })
  expect(refused).toBeGreaterThan(CASES)
  expect(refused).toBeLessThan(3 * CASES)
})

test("adding and comparing agree with BigInt", () => {
  compareCases(5, CASES, (random, same) => {
    const [address, other] = [randomV6(random), randomV6(random)]
    const [own, others] = [toBigInt(address), toBigInt(other)]
    same("order", Math.sign(compareAddresses(address, other)), own < others ? -1 : own > others ? 1 : 0)

    const offset = (random.below(2) ? 1 : -1) * (random.below(2) ? random.below(300) : random.below(2 ** 32) * 2 ** 20)
    const sum = own + BigInt(offset)
    if (sum >= 0n && sum < 1n << 128n) same(`${own} + ${offset}`, toBigInt(addOffset(address, offset)), sum)
    else expect(() => addOffset(address, offset)).toThrow("is no IPv6 address")
  })
})

test("IPv4 prefixes agree with netmask", () => {
  compareCases(6, CASES, (random, same) => {
    const text = `${formatAddress(randomV4(random))}/${random.below(33)}`
    const prefix = parsePrefix(text)
    const judge = new Netmask(text)
    const last = lastAddress(prefix)
    same(text, formatPrefix(prefix), text)
    same(text, formatAddress(networkAddress(prefix)), judge.base)
    same(text, last.w3, judge.netLong + judge.size - 1)
    same(text, formatAddress(last), judge.broadcast ?? formatAddress(last))
    same(text, hasHostBits(prefix), judge.base !== formatAddress(prefix.address))
    const beyond = addressOfWords(0, 0, 0xffff, (last.w3 + random.below(3)) >>> 0)
    const near = random.below(2) ? beyond : randomV4(random)
    same(`${text} ${formatAddress(near)}`, prefixContains(prefix, near), judge.contains(formatAddress(near)))
  })
})

test("IPv6 prefixes agree with ip-address", () => {
  compareCases(7, CASES / 2, (random, same) => {
    const text = `${formatAddress(randomV6(random))}/${random.below(129)}`
    const prefix = parsePrefix(text)
    const judge = new Address6(text)
    const [first, last] = [judge.startAddress().bigInt(), judge.endAddress().bigInt()]
    same(text, formatPrefix(prefix), text)
    same(text, toBigInt(networkAddress(prefix)), first)
    same(text, toBigInt(lastAddress(prefix)), last)
    same(text, hasHostBits(prefix), first !== judge.bigInt())
    const near = random.below(2) ? networkAddress(prefix) : randomV6(random)
    const isInside = first <= toBigInt(near) && toBigInt(near) <= last
    same(`${text} ${formatAddress(near)}`, prefixContains(prefix, near), isInside)
  })
})

test("cutting ranges agrees with taking the addresses one by one", () => {
  const base = parseAddress("fd00::ffff:ffe0")
  const all = Array.from({ length: 64 }, (_, i) => addOffset(base, i))
  const inside = (ranges: readonly Range[]) => all.filter(each => ranges.some(range => rangeContains(range, each)))
  const randomRange = (random: Seeded): Range => {
    const [a, b] = [random.below(64), random.below(64)]
    return { first: addOffset(base, Math.min(a, b)), last: addOffset(base, Math.max(a, b)) }
  }
  const names = (addresses: readonly Address[]) => addresses.map(formatAddress).join(" ")
  compareCases(8, 500, (random, same) => {
    const [range, hole] = [randomRange(random), randomRange(random)]
    const left = subtractRange(range, hole)
    const common = intersectRanges(range, hole)
    const [own, cut] = [inside([range]), inside([hole])]
    same("left", names(inside(left)), names(own.filter(each => !cut.includes(each))))
    same("common", names(inside(common ? [common] : [])), names(own.filter(each => cut.includes(each))))
    same("overlap", rangesOverlap(range, hole), common !== undefined)
    same("size", rangeSize(range), own.length)
    same(
      "left size",
      left.reduce((sum, piece) => sum + rangeSize(piece), 0),
      inside(left).length,
    )
  })
})
