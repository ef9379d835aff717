/** Messages about tables, chains, rules, sets and their elements (linux/netfilter/nf_tables.h). Integers are in network order. */
import { AttributeTable, attribute, attributes } from "../attributes.ts"
import { nest, raw, s32be, text, u32be, u64be } from "../kinds.ts"
import { type MessageType, messageType } from "../message.ts"
import { dataAttributes } from "./nf-tables-data.ts"
import { expressionAttributes } from "./nf-tables-expressions.ts"
import { NFNL_SUBSYS_NFTABLES, nfgenmsg } from "./nfnetlink.ts"

export const NF_INET_PRE_ROUTING = 0
export const NF_INET_LOCAL_IN = 1
export const NF_INET_FORWARD = 2
export const NF_INET_LOCAL_OUT = 3
export const NF_INET_POST_ROUTING = 4

export const NFT_SET_ANONYMOUS = 0x1
export const NFT_SET_CONSTANT = 0x2
export const NFT_SET_INTERVAL = 0x4
export const NFT_SET_MAP = 0x8

/** The element only tells where the interval that began before it ends; its key is the first that is out. */
export const NFT_SET_ELEM_INTERVAL_END = 1

/** NFT_NAME_MAXLEN with the NUL. */
const NAME = 255
const name = text(NAME)

/** What is told of the ruleset as a whole. */
export const generationAttributes = new AttributeTable("generation", () => ({
  generation: attribute("NFTA_GEN_ID", 1, u32be),
}))

/** What is told of a table. */
export const tableAttributes = new AttributeTable("table", () => ({
  name: attribute("NFTA_TABLE_NAME", 1, name),
  flags: attribute("NFTA_TABLE_FLAGS", 2, u32be),
  userdata: attribute("NFTA_TABLE_USERDATA", 6, raw),
}))

/** Where in a packet's way a base chain is called. */
export const hookAttributes = new AttributeTable("hook", () => ({
  /** NF_INET_… */
  number: attribute("NFTA_HOOK_HOOKNUM", 1, u32be),
  priority: attribute("NFTA_HOOK_PRIORITY", 2, s32be),
}))

/** What is told of a chain. */
export const chainAttributes = new AttributeTable("chain", () => ({
  table: attribute("NFTA_CHAIN_TABLE", 1, name),
  name: attribute("NFTA_CHAIN_NAME", 3, name),
  hook: attribute("NFTA_CHAIN_HOOK", 4, nest(hookAttributes)),
  /** NF_ACCEPT or NF_DROP */
  policy: attribute("NFTA_CHAIN_POLICY", 5, u32be),
  type: attribute("NFTA_CHAIN_TYPE", 7, name),
  userdata: attribute("NFTA_CHAIN_USERDATA", 12, raw),
}))

const ruleNaming = () => ({
  table: attribute("NFTA_RULE_TABLE", 1, name),
  chain: attribute("NFTA_RULE_CHAIN", 2, name),
  handle: attribute("NFTA_RULE_HANDLE", 3, u64be),
})
const ruleUserdata = () => ({ userdata: attribute("NFTA_RULE_USERDATA", 7, raw) })

/** What a list of expressions consists of. */
export const expressionList = new AttributeTable("expressions", () => ({
  elements: attributes("NFTA_LIST_ELEM", 1, nest(expressionAttributes)),
}))

/** What a new rule is made of. */
export const ruleAttributes = new AttributeTable("rule", () => ({
  ...ruleNaming(),
  expressions: attribute("NFTA_RULE_EXPRESSIONS", 4, nest(expressionList)),
  ...ruleUserdata(),
}))

/** What of a rule is asked for: its expressions are not read. */
export const ruleSummary = new AttributeTable("rule", () => ({ ...ruleNaming(), ...ruleUserdata() }))

/** What is told of a set's size. */
export const setDescription = new AttributeTable("set description", () => ({
  /** How many elements it has, or may have. */
  size: attribute("NFTA_SET_DESC_SIZE", 1, u32be),
}))

/** What is told of a set or map. */
export const setAttributes = new AttributeTable("set", () => ({
  table: attribute("NFTA_SET_TABLE", 1, name),
  name: attribute("NFTA_SET_NAME", 2, name),
  flags: attribute("NFTA_SET_FLAGS", 3, u32be),
  /** A number that the kernel keeps for whoever prints the elements. */
  keyType: attribute("NFTA_SET_KEY_TYPE", 4, u32be),
  /** In bytes. */
  keyLength: attribute("NFTA_SET_KEY_LEN", 5, u32be),
  /** As of the key, or NFT_DATA_VERDICT. */
  dataType: attribute("NFTA_SET_DATA_TYPE", 6, u32be),
  /** In bytes. */
  dataLength: attribute("NFTA_SET_DATA_LEN", 7, u32be),
  /** What it is called by within the transaction that makes it. */
  id: attribute("NFTA_SET_ID", 10, u32be),
  description: attribute("NFTA_SET_DESC", 9, nest(setDescription)),
  userdata: attribute("NFTA_SET_USERDATA", 13, raw),
}))

/** What is told of an element. */
export const elementAttributes = new AttributeTable("element", () => ({
  flags: attribute("NFTA_SET_ELEM_FLAGS", 3, u32be),
  key: attribute("NFTA_SET_ELEM_KEY", 1, nest(dataAttributes)),
  data: attribute("NFTA_SET_ELEM_DATA", 2, nest(dataAttributes)),
  userdata: attribute("NFTA_SET_ELEM_USERDATA", 6, raw),
}))

/** What a list of elements consists of. */
export const elementList = new AttributeTable("elements", () => ({
  elements: attributes("NFTA_LIST_ELEM", 1, nest(elementAttributes)),
}))

/** What is told of some elements of a set. */
export const elementsAttributes = new AttributeTable("elements", () => ({
  table: attribute("NFTA_SET_ELEM_LIST_TABLE", 1, name),
  set: attribute("NFTA_SET_ELEM_LIST_SET", 2, name),
  setId: attribute("NFTA_SET_ELEM_LIST_SET_ID", 4, u32be),
  elements: attribute("NFTA_SET_ELEM_LIST_ELEMENTS", 3, nest(elementList)),
}))

type Header = typeof nfgenmsg.rows
type RowsOf<T> = T extends AttributeTable<infer R> ? R : never

function nftMessage<T extends AttributeTable<RowsOf<T>>>(
  uapi: string,
  id: number,
  table: T,
): MessageType<Header, RowsOf<T>> {
  return messageType(uapi, (NFNL_SUBSYS_NFTABLES << 8) | id, nfgenmsg, table)
}

export const NFT_MSG_NEWTABLE = nftMessage("NFT_MSG_NEWTABLE", 0, tableAttributes)
export const NFT_MSG_GETTABLE = nftMessage("NFT_MSG_GETTABLE", 1, tableAttributes)
export const NFT_MSG_DELTABLE = nftMessage("NFT_MSG_DELTABLE", 2, tableAttributes)
export const NFT_MSG_NEWCHAIN = nftMessage("NFT_MSG_NEWCHAIN", 3, chainAttributes)
export const NFT_MSG_GETCHAIN = nftMessage("NFT_MSG_GETCHAIN", 4, chainAttributes)
export const NFT_MSG_DELCHAIN = nftMessage("NFT_MSG_DELCHAIN", 5, chainAttributes)
export const NFT_MSG_NEWRULE = nftMessage("NFT_MSG_NEWRULE", 6, ruleAttributes)
export const NFT_MSG_GETRULE = nftMessage("NFT_MSG_GETRULE", 7, ruleSummary)
export const NFT_MSG_DELRULE = nftMessage("NFT_MSG_DELRULE", 8, ruleSummary)
export const NFT_MSG_NEWSET = nftMessage("NFT_MSG_NEWSET", 9, setAttributes)
export const NFT_MSG_GETSET = nftMessage("NFT_MSG_GETSET", 10, setAttributes)
export const NFT_MSG_DELSET = nftMessage("NFT_MSG_DELSET", 11, setAttributes)
export const NFT_MSG_NEWSETELEM = nftMessage("NFT_MSG_NEWSETELEM", 12, elementsAttributes)
export const NFT_MSG_GETSETELEM = nftMessage("NFT_MSG_GETSETELEM", 13, elementsAttributes)
export const NFT_MSG_DELSETELEM = nftMessage("NFT_MSG_DELSETELEM", 14, elementsAttributes)
export const NFT_MSG_GETGEN = nftMessage("NFT_MSG_GETGEN", 16, generationAttributes)

/** From Linux 6.3 on: as NFT_MSG_DEL…, but what is absent is no error. Table, chain or set that it is in must be there. */
export const NFT_MSG_DESTROYTABLE = nftMessage("NFT_MSG_DESTROYTABLE", 26, tableAttributes)
export const NFT_MSG_DESTROYCHAIN = nftMessage("NFT_MSG_DESTROYCHAIN", 27, chainAttributes)
export const NFT_MSG_DESTROYRULE = nftMessage("NFT_MSG_DESTROYRULE", 28, ruleSummary)
export const NFT_MSG_DESTROYSET = nftMessage("NFT_MSG_DESTROYSET", 29, setAttributes)
export const NFT_MSG_DESTROYSETELEM = nftMessage("NFT_MSG_DESTROYSETELEM", 30, elementsAttributes)
