/**
 * A rule as the kernel wants it: expressions that run one after another over a few registers, 64 bytes of which hold what the
 * packet was asked for. `tcp dport 8080 accept` is
 *
 *     meta load l4proto => reg 1        what nft calls a dependency: bytes 2 and 3 are a port only if there are ports
 *     cmp eq reg 1 6
 *     payload load 2b @ transport header + 2 => reg 1
 *     cmp eq reg 1 0x1f90
 *     immediate reg 0 accept
 *
 * Statements (fields.ts, matches.ts, actions.ts) append to a body; the body adds each dependency once. What comes out
 * is, expression for expression, what nft makes of the same statements, so `nft list` shows them again.
 */
import { CodecError } from "../bytes/codec-error.ts"
import type { Values } from "../netlink/attributes.ts"
import {
  type expressionAttributes,
  type expressions,
  NFT_CMP_EQ,
  NFT_META_IIFTYPE,
  NFT_META_L4PROTO,
  NFT_META_NFPROTO,
  NFT_META_PROTOCOL,
  NFT_REG_1,
  NFT_REG_VERDICT,
  NFT_REG32_00,
} from "../netlink/uapi/nf-tables-expressions.ts"
import { NFPROTO_IPV4, NFPROTO_IPV6 } from "../netlink/uapi/nfnetlink.ts"
import { inetProto, type Protocol } from "./data-types.ts"
import type { Family } from "./objects.ts"
import type { AnonymousSet } from "./sets.ts"
import type { Verdict } from "./verdicts.ts"

/** One part of a rule, such as `ip saddr 10.1.0.5` or `masquerade`. */
export type Statement = Verdict | ((body: RuleBody) => void)

type Expression = Values<typeof expressionAttributes>
type Expressions = typeof expressions

/** linux/if_ether.h */
const ETH_P_IP = 0x0800
const ETH_P_IPV6 = 0x86dd
/** linux/if_arp.h */
const ARPHRD_ETHER = 1

/** The registers in words of four bytes; the kernel knows each run of four words by a number of its own. */
export function registerOf(word: number): number {
  return word % 4 === 0 ? NFT_REG_1 + word / 4 : NFT_REG32_00 + word
}

/** The expressions of one rule while they are put together. */
export class RuleBody {
  readonly family: Family
  readonly expressions: Expression[] = []
  /** Sets that come and go with the rule. */
  readonly sets: AnonymousSet[] = []
  /** Numbers them within the transaction. */
  readonly nextSetId: () => number
  #network: 4 | 6 | undefined
  #transport: Protocol | undefined
  #isEthernet: boolean

  constructor(family: Family, nextSetId: () => number) {
    this.family = family
    this.nextSetId = nextSetId
    this.#network = family === "ip" ? 4 : family === "ip6" ? 6 : undefined
    this.#isEthernet = family === "bridge"
  }

  /** Appends a statement. @throws {CodecError} */
  append(statement: Statement): void {
    if (typeof statement === "function") statement(this)
    else this.add("immediate", { dreg: NFT_REG_VERDICT, data: { verdict: statement } })
  }

  /** Appends an expression. */
  add<N extends keyof Expressions>(name: N, data?: Values<Expressions[N]>): void {
    this.expressions.push({ name, data })
  }

  /** Goes on only with packets of IPv4 or IPv6. @throws {CodecError} if the rule is about the other one already */
  needNetwork(version: 4 | 6): void {
    if (this.#network === version) return
    if (this.#network !== undefined) throw new CodecError("", `IPv${version} in a rule about IPv${this.#network}`)
    this.#network = version
    if (this.family === "bridge") {
      const type = version === 4 ? ETH_P_IP : ETH_P_IPV6
      this.#loadMeta(NFT_META_PROTOCOL)
      this.#mustEqual(Uint8Array.of(type >> 8, type & 0xff))
    } else {
      this.#loadMeta(NFT_META_NFPROTO)
      this.#mustEqual(Uint8Array.of(version === 4 ? NFPROTO_IPV4 : NFPROTO_IPV6))
    }
  }

  /** Goes on only with packets of a transport protocol. @throws {CodecError} if the rule is about another one already */
  needTransport(protocol: Protocol): void {
    if (this.#transport === protocol) return
    if (this.#transport !== undefined) throw new CodecError("", `${protocol} in a rule about ${this.#transport}`)
    this.#transport = protocol
    this.#loadMeta(NFT_META_L4PROTO)
    this.#mustEqual(inetProto.encode(protocol))
  }

  /** Goes on only with packets that have an Ethernet header. */
  needEthernet(): void {
    if (this.#isEthernet) return
    this.#isEthernet = true
    this.#loadMeta(NFT_META_IIFTYPE)
    this.#mustEqual(new Uint8Array(Uint16Array.of(ARPHRD_ETHER).buffer))
  }

  #mustEqual(value: Uint8Array): void {
    this.add("cmp", { sreg: NFT_REG_1, op: NFT_CMP_EQ, data: { value } })
  }

  #loadMeta(key: number): void {
    this.add("meta", { key, dreg: NFT_REG_1 })
  }
}
