/**
 * What fields of packets and parts of keys are: the type's number by which `nft list` knows how to print the value, its size,
 * and how a value of ours becomes bytes (datatype.h of nftables; `nft describe ipv4_addr`).
 */
import { CodecError } from "../bytes/codec-error.ts"
import { ByteReader } from "../bytes/reader.ts"
import { ByteWriter } from "../bytes/writer.ts"
import { type Address, decodeAddress, encodeAddress, formatAddress } from "../net/address.ts"
import { formatMac } from "../net/mac.ts"
import type { Prefix } from "../net/prefix.ts"
import { decodeUtf8, encodeUtf8 } from "../sys/streams.ts"

/** A type of values. */
export interface DataType<T> {
  /** nft's name. */
  readonly name: string
  /** nft's number: a set keeps it for who lists its elements. */
  readonly id: number
  /** In bytes. */
  readonly size: number
  /** Whether its bytes are in host order; else in network order. */
  readonly isHostOrder: boolean
  /** @returns `size` bytes, unless the value is of another type, which encodeValue() finds */
  encode(value: T): Uint8Array
  /** @param bytes `size` of them */
  decode(bytes: Uint8Array): T
  /** Writes a value for errors and traces. */
  format(value: T): string
}

/** A value that a field is compared with: of addresses, all that a prefix contains too. */
export type Pattern<T> = T extends Address ? T | Prefix : T

/** A transport protocol, by nft's name. */
export type Protocol = "tcp" | "udp" | "sctp"

/** Kinds of addresses as the routing tables tell them (rtnetlink's RTN_…). */
export type AddressKind = "unicast" | "local" | "broadcast" | "multicast"

/** IPPROTO_… */
const protocols: Readonly<Record<Protocol, number>> = { tcp: 6, udp: 17, sctp: 132 }

/** RTN_… */
const addressKinds: Readonly<Record<AddressKind, number>> = { unicast: 1, local: 2, broadcast: 3, multicast: 5 }

/** An IPv4 address. */
export const ipv4Addr: DataType<Address> = addressType("ipv4_addr", 7, 4)
/** An IPv6 address. */
export const ipv6Addr: DataType<Address> = addressType("ipv6_addr", 8, 16)

function addressType(name: string, id: number, size: number): DataType<Address> {
  return {
    ...{ name, id, size, isHostOrder: false },
    encode: encodeAddress,
    decode: decodeAddress,
    format: formatAddress,
  }
}

/** A MAC address. */
export const etherAddr: DataType<Uint8Array> = {
  ...{ name: "ether_addr", id: 9, size: 6, isHostOrder: false },
  encode: value => value,
  decode: bytes => bytes,
  format: formatMac,
}

/** A transport protocol. */
export const inetProto: DataType<Protocol> = {
  ...{ name: "inet_proto", id: 12, size: 1, isHostOrder: false },
  encode: value => Uint8Array.of(protocols[value]),
  decode: ([number]) => nameOf(protocols, number),
  format: String,
}

/** A port. */
export const inetService: DataType<number> = {
  ...{ name: "inet_service", id: 13, size: 2, isHostOrder: false },
  encode(port) {
    if ((port & 0xffff) !== port) throw new CodecError("", `${port} is no port`)
    return Uint8Array.of(port >> 8, port & 0xff)
  },
  decode: ([high = 0, low = 0]) => high * 256 + low,
  format: String,
}

/** A packet's mark. */
export const mark: DataType<number> = {
  ...{ name: "mark", id: 19, size: 4, isHostOrder: true },
  encode: encodeNumber,
  decode: bytes => new ByteReader(bytes).u32(),
  format: String,
}

/** An interface's name. */
export const ifname: DataType<string> = {
  ...{ name: "ifname", id: 41, size: 16, isHostOrder: true },
  encode(name) {
    const text = encodeUtf8(name)
    if (text.length > 15) throw new CodecError("", `"${name}" is longer than 15 bytes`)
    const bytes = new Uint8Array(16)
    bytes.set(text)
    return bytes
  },
  decode: bytes => decodeUtf8(bytes.subarray(0, bytes.indexOf(0))),
  format: String,
}

/** What an address is to this machine. */
export const fibAddrtype: DataType<AddressKind> = {
  ...{ name: "fib_addrtype", id: 46, size: 4, isHostOrder: true },
  encode: kind => encodeNumber(addressKinds[kind]),
  decode: bytes => nameOf(addressKinds, new ByteReader(bytes).u32()),
  format: String,
}

function encodeNumber(value: number): Uint8Array {
  const writer = new ByteWriter(4)
  writer.u32(value)
  return writer.written()
}

function nameOf<N extends string>(names: Readonly<Record<N, number>>, number: number | undefined): N {
  for (const name in names) if (names[name] === number) return name
  throw new CodecError("", `${number} is none of ${Object.keys(names).join(", ")}`)
}

/** Puts a value into bytes, exactly as many as its type has. @throws {CodecError} */
export function encodeValue<T>(type: DataType<T>, value: T): Uint8Array {
  const bytes = type.encode(value)
  if (bytes.length !== type.size) throw new CodecError("", `${type.format(value)} is no ${type.name}`)
  return bytes
}

/** What a field is compared with: its first `bits` are, the others of `bytes` are 0. */
export interface BitPattern {
  readonly bytes: Uint8Array
  readonly bits: number
}

/** Puts a pattern into bytes. @throws {CodecError} */
export function encodePattern<T>(type: DataType<T>, pattern: Pattern<T>): BitPattern {
  if (!isPrefix(pattern)) return { bytes: encodeValue(type, pattern as T), bits: 8 * type.size }
  const bytes = encodeValue(type, pattern.address as T)
  const mask = maskOf(type.size, pattern.length)
  return { bytes: bytes.map((byte, i) => byte & mask[i]!), bits: pattern.length }
}

function isPrefix(pattern: unknown): pattern is Prefix {
  return typeof pattern === "object" && pattern !== null && "address" in pattern
}

/** Returns `size` bytes of which the first `bits` bits are set. */
export function maskOf(size: number, bits: number): Uint8Array {
  const mask = new Uint8Array(size)
  for (let i = 0; i < size; i++) mask[i] = 0xff00 >> Math.max(0, Math.min(8, bits - 8 * i))
  return mask
}
