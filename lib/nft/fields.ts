/**
 * What a packet can be asked for, by nft's words. A field knows its type, what has to be true of a packet that has it, and how
 * its bytes get into a register.
 */

import type { Address } from "../net/address.ts"
import {
  NFT_FIB_RESULT_ADDRTYPE,
  NFT_META_IIFNAME,
  NFT_META_L4PROTO,
  NFT_META_MARK,
  NFT_META_OIFNAME,
  NFT_PAYLOAD_LL_HEADER,
  NFT_PAYLOAD_NETWORK_HEADER,
  NFT_PAYLOAD_TRANSPORT_HEADER,
  NFTA_FIB_F_DADDR,
} from "../netlink/uapi/nf-tables-expressions.ts"
import {
  type AddressKind,
  type DataType,
  etherAddr,
  fibAddrtype,
  ifname,
  inetProto,
  inetService,
  ipv4Addr,
  ipv6Addr,
  mark as markType,
  type Protocol,
} from "./data-types.ts"
import { type RuleBody, registerOf } from "./rule-body.ts"

/** Something that every packet, or every packet of some protocol, has. */
export interface Field<T> {
  readonly type: DataType<T>
  /** Appends what makes sure that the packet has it. */
  need(body: RuleBody): void
  /** Appends what puts its first `length` bytes, or all, into a register. */
  load(body: RuleBody, register: number, length: number): void
}

/** `meta l4proto` */
export const l4proto: Field<Protocol> = meta(inetProto, NFT_META_L4PROTO)
/** `meta mark` */
export const mark: Field<number> = meta(markType, NFT_META_MARK)
/** `iifname`: the interface a packet came from; it is there before routing only, and in forward. */
export const iifname: Field<string> = meta(ifname, NFT_META_IIFNAME)
/** `oifname`: the interface a packet leaves by; it is there after routing only. */
export const oifname: Field<string> = meta(ifname, NFT_META_OIFNAME)

/** `ip saddr` or `ip6 saddr` */
export const saddr = (family: 4 | 6): Field<Address> => ipAddress(family, family === 4 ? 12 : 8)
/** `ip daddr` or `ip6 daddr` */
export const daddr = (family: 4 | 6): Field<Address> => ipAddress(family, family === 4 ? 16 : 24)

/** `tcp sport`, `udp sport` or `sctp sport` */
export const sport = (protocol: Protocol): Field<number> => port(0, body => body.needTransport(protocol))
/** `tcp dport`, `udp dport` or `sctp dport` */
export const dport = (protocol: Protocol): Field<number> => port(2, body => body.needTransport(protocol))
/** `th dport`: the port of whatever protocol, which the rule must have asked for. */
export const thDport: Field<number> = port(2, nothing)

/** `ether saddr` */
export const etherSaddr: Field<Uint8Array> = header(etherAddr, NFT_PAYLOAD_LL_HEADER, 6, body => body.needEthernet())

/** `fib daddr type`: what the packet's destination is to this machine. */
export const fibDaddrType: Field<AddressKind> = {
  type: fibAddrtype,
  need: nothing,
  load: (body, dreg) => body.add("fib", { flags: NFTA_FIB_F_DADDR, result: NFT_FIB_RESULT_ADDRTYPE, dreg }),
}

function nothing(): void {
  // Every packet has it, or the rule has made sure.
}

function meta<T>(type: DataType<T>, key: number): Field<T> {
  return { type, need: nothing, load: (body, dreg) => body.add("meta", { key, dreg }) }
}

function ipAddress(family: 4 | 6, offset: number): Field<Address> {
  return header(family === 4 ? ipv4Addr : ipv6Addr, NFT_PAYLOAD_NETWORK_HEADER, offset, body =>
    body.needNetwork(family),
  )
}

function port(offset: number, need: (body: RuleBody) => void): Field<number> {
  return header(inetService, NFT_PAYLOAD_TRANSPORT_HEADER, offset, need)
}

function header<T>(type: DataType<T>, base: number, offset: number, need: (body: RuleBody) => void): Field<T> {
  return { type, need, load: (body, dreg, length) => body.add("payload", { dreg, base, offset, length }) }
}

/** Fields as the parts of a key, of the types that a set's key has. */
export type FieldsOf<K> = { readonly [I in keyof K]: K[I] extends DataType<infer T> ? Field<T> : never }

/** Appends what puts fields side by side into the registers, each at a multiple of four bytes. */
export function loadKey(body: RuleBody, fields: readonly Field<unknown>[]): void {
  for (const field of fields) field.need(body)
  let word = 0
  for (const { type, load } of fields) {
    load(body, registerOf(word), type.size)
    word += Math.ceil(type.size / 4)
  }
}
