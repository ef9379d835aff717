/** What becomes of a packet: statements that end a rule, and what a verdict map has for its keys. */
import type { Values } from "../netlink/attributes.ts"
import {
  NF_ACCEPT,
  NF_DROP,
  NFT_GOTO,
  NFT_JUMP,
  NFT_RETURN,
  type verdictAttributes,
} from "../netlink/uapi/nf-tables-data.ts"
import type { Chain } from "./objects.ts"

/** A verdict. */
export type Verdict = Values<typeof verdictAttributes>

/** `accept`: in this base chain; others may still drop the packet. */
export const ACCEPT: Verdict = { code: NF_ACCEPT }
/** `drop` */
export const DROP: Verdict = { code: NF_DROP }
/** `return`: on with the chain that jumped here, or in a base chain with its policy. */
export const RETURN: Verdict = { code: NFT_RETURN }
/** `jump` */
export const jump = ({ name }: Chain): Verdict => ({ code: NFT_JUMP, chain: name })
/** `goto`: as jump, but what comes after this rule is not returned to. */
export const goTo = ({ name }: Chain): Verdict => ({ code: NFT_GOTO, chain: name })
