/** Statements that a packet has to fulfil, or the rule ends for it. */
import { CodecError } from "../bytes/codec-error.ts"
import {
  NFT_CMP_EQ,
  NFT_CMP_NEQ,
  NFT_CT_STATE,
  NFT_CT_STATUS,
  NFT_LOOKUP_F_INV,
  NFT_REG_1,
} from "../netlink/uapi/nf-tables-expressions.ts"
import { type BitPattern, encodePattern, encodeValue, mark as markType, maskOf, type Pattern } from "./data-types.ts"
import { type Field, type FieldsOf, loadKey } from "./fields.ts"
import type { RuleBody, Statement } from "./rule-body.ts"
import { ANONYMOUS_NAME, type AnySet, anonymousSet, type SetSpec, type Types, type ValueType } from "./sets.ts"

/** `tcp dport 8080`, `ip saddr 10.1.0.0/16` */
export function is<T>(field: Field<T>, pattern: Pattern<T>): Statement {
  return body => compare(body, field, NFT_CMP_EQ, encodePattern(field.type, pattern))
}

/** `tcp dport != 8080`, `ip saddr != 10.1.0.0/16` */
export function isNot<T>(field: Field<T>, pattern: Pattern<T>): Statement {
  return body => compare(body, field, NFT_CMP_NEQ, encodePattern(field.type, pattern))
}

/** `iifname "veth*"` */
export function startsWith(field: Field<string>, start: string): Statement {
  return body => {
    const { bytes } = encodePattern(field.type, start)
    compare(body, field, NFT_CMP_EQ, { bytes, bits: 8 * bytes.indexOf(0) })
  }
}

function compare<T>(body: RuleBody, field: Field<T>, op: number, { bytes, bits }: BitPattern): void {
  // Of a header the kernel can load just the bytes that count.
  const isWhole = bits % 8 === 0 && bits > 0
  const length = isWhole ? bits / 8 : bytes.length
  field.need(body)
  field.load(body, NFT_REG_1, length)
  if (!isWhole) mask(body, maskOf(bytes.length, bits))
  body.add("cmp", { sreg: NFT_REG_1, op, data: { value: bytes.subarray(0, length) } })
}

/** Leaves only some bits in the first register. */
function mask(body: RuleBody, bits: Uint8Array): void {
  maskAndXor(body, bits, new Uint8Array(bits.length))
}

/** Sets some bits in the first register. */
export function setBits(body: RuleBody, bits: Uint8Array): void {
  maskAndXor(
    body,
    bits.map(byte => ~byte),
    bits,
  )
}

function maskAndXor(body: RuleBody, and: Uint8Array, xor: Uint8Array): void {
  const data = { mask: { value: and }, xor: { value: xor } }
  body.add("bitwise", { sreg: NFT_REG_1, dreg: NFT_REG_1, length: and.length, ...data })
}

/** `meta mark & 0x2000`, to be compared with something. */
export function masked(field: Field<number>, bits: number): Field<number> {
  return {
    ...field,
    load(body, register, length) {
      field.load(body, register, length)
      mask(body, encodeValue(field.type, bits))
    },
  }
}

/** `tcp dport { 80, 443 }`, `ip saddr { 10.0.0.0/8, 192.168.1.1 }` */
export function isOneOf<T>(field: Field<T>, patterns: readonly Pattern<T>[]): Statement {
  return body => lookUpAmong(body, field, patterns, undefined)
}

/** `tcp dport != { 80, 443 }` */
export function isNoneOf<T>(field: Field<T>, patterns: readonly Pattern<T>[]): Statement {
  return body => lookUpAmong(body, field, patterns, NFT_LOOKUP_F_INV)
}

function lookUpAmong<T>(body: RuleBody, field: Field<T>, patterns: readonly Pattern<T>[], flags: number | undefined) {
  const all = patterns.map(pattern => encodePattern(field.type, pattern))
  const set = anonymousSet(field.type, all, body.nextSetId())
  body.sets.push(set)
  loadKey(body, [field])
  body.add("lookup", { sreg: NFT_REG_1, set: ANONYMOUS_NAME, setId: set.id, flags })
}

/** `ip saddr . tcp dport @allowed` */
export function isIn<K extends Types>(fields: FieldsOf<K>, set: SetSpec<K, ValueType>): Statement {
  return body => {
    loadKeyOf(body, set, fields)
    body.add("lookup", { sreg: NFT_REG_1, set: set.name })
  }
}

/** `ip saddr . tcp dport != @allowed` */
export function isNotIn<K extends Types>(fields: FieldsOf<K>, set: SetSpec<K, ValueType>): Statement {
  return body => {
    loadKeyOf(body, set, fields)
    body.add("lookup", { sreg: NFT_REG_1, set: set.name, flags: NFT_LOOKUP_F_INV })
  }
}

/** Appends what puts a set's key into the registers. @throws {CodecError} if the fields have other types than the key */
export function loadKeyOf(body: RuleBody, set: AnySet, fields: readonly Field<unknown>[]): void {
  const format = (types: Types) => types.map(({ name }) => name).join(" . ")
  const [own, wanted] = [format(fields.map(({ type }) => type)), format(set.key)]
  if (own !== wanted) throw new CodecError(set.name, `has keys ${wanted}, not ${own}`)
  loadKey(body, fields)
}

/** What conntrack thinks of a packet (nf_conntrack_common.h: NF_CT_STATE_BIT, NF_CT_STATE_UNTRACKED_BIT). */
const states = { invalid: 1, established: 2, related: 4, new: 8, untracked: 64 } as const

/** `ct state established,related`: one of them. */
export function ctState(...wanted: (keyof typeof states)[]): Statement {
  return body =>
    anyBit(
      body,
      NFT_CT_STATE,
      wanted.reduce((bits, state) => bits | states[state], 0),
    )
}

/** What has been done to a connection (nf_conntrack_common.h: IPS_SRC_NAT, IPS_DST_NAT). */
const statuses = { snat: 0x10, dnat: 0x20 } as const

/** `ct status dnat` */
export function ctStatus(status: keyof typeof statuses): Statement {
  return body => anyBit(body, NFT_CT_STATUS, statuses[status])
}

function anyBit(body: RuleBody, key: number, bits: number): void {
  body.add("ct", { key, dreg: NFT_REG_1 })
  mask(body, encodeValue(markType, bits))
  body.add("cmp", { sreg: NFT_REG_1, op: NFT_CMP_NEQ, data: { value: new Uint8Array(4) } })
}
