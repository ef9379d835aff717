/** What registers, keys and elements hold: a value, or a verdict on the packet (linux/netfilter/nf_tables.h, linux/netfilter.h). */
import { AttributeTable, attribute } from "../attributes.ts"
import { nest, raw, s32be, text } from "../kinds.ts"

export const NF_DROP = 0
export const NF_ACCEPT = 1
export const NFT_JUMP = -3
export const NFT_GOTO = -4
export const NFT_RETURN = -5

/** NFTA_SET_DATA_TYPE of a verdict map. */
export const NFT_DATA_VERDICT = 0xffffff00

/** What becomes of a packet. */
export const verdictAttributes = new AttributeTable("verdict", () => ({
  /** NF_… or NFT_… */
  code: attribute("NFTA_VERDICT_CODE", 1, s32be),
  /** Of NFT_JUMP and NFT_GOTO. */
  chain: attribute("NFTA_VERDICT_CHAIN", 2, text(255)),
}))

/** One of both. */
export const dataAttributes = new AttributeTable("data", () => ({
  value: attribute("NFTA_DATA_VALUE", 1, raw),
  verdict: attribute("NFTA_DATA_VERDICT", 2, nest(verdictAttributes)),
}))
