/**
 * What is in a network namespace's nf_tables. Tables, chains, sets and elements are asked for by name or key where that can be: a
 * node may have tens of thousands of other programs' rules and elements.
 */
import { isRefusal } from "../netlink/errors.ts"
import type { ReplyTo } from "../netlink/message.ts"
import type { NetlinkSocket } from "../netlink/socket.ts"
import {
  NFT_MSG_GETCHAIN,
  NFT_MSG_GETGEN,
  NFT_MSG_GETRULE,
  NFT_MSG_GETSET,
  NFT_MSG_GETSETELEM,
  NFT_MSG_GETTABLE,
} from "../netlink/uapi/nf-tables.ts"
import { type Chain, type Family, familyNumber, formatMember, formatTable, headerOf, type Table } from "./objects.ts"
import {
  type AnySet,
  type Element,
  elementOf,
  keyAttributesOf,
  type Parts,
  type SetSpec,
  type Types,
  type ValueType,
} from "./sets.ts"
import { decodeComment, decodeLabels, type Labels } from "./userdata.ts"

const ENOENT = 2

/** A rule as it is listed. */
export interface ListedRule extends Labels {
  /** Names it within its table. */
  readonly handle: number
  /** All of it, as it is; empty if the rule has none. */
  readonly userdata: Uint8Array
}

/** Looks at nf_tables by a socket. Every method throws NetlinkError where the kernel refuses. */
export class Ruleset {
  readonly #socket: NetlinkSocket

  constructor(socket: NetlinkSocket) {
    this.#socket = socket
  }

  /** Tells the number that grows with every transaction of whatever program. */
  generation(): number {
    const { attributes } = this.#socket.get({ type: NFT_MSG_GETGEN, header: {}, attributes: {} }, "")
    return attributes.generation ?? 0
  }

  /** Tells whether there is a table. */
  hasTable(table: Table): boolean {
    const message = { type: NFT_MSG_GETTABLE, header: headerOf(table), attributes: { name: table.name } }
    return this.#socket.find(message, formatTable(table), ENOENT) !== undefined
  }

  /** Lists the tables of a family. */
  listTables(family: Family): Table[] {
    const header = { family: familyNumber(family) }
    return this.#socket
      .dump(
        { type: NFT_MSG_GETTABLE, header, attributes: {} },
        `${family} all tables`,
        reply => reply.family === header.family,
      )
      .map(({ attributes: { name = "", userdata } }) => ({ family, name, ...commentIn(userdata) }))
  }

  /** Tells whether there is a chain. */
  hasChain(chain: Chain): boolean {
    const attributes = { table: chain.table.name, name: chain.name }
    const message = { type: NFT_MSG_GETCHAIN, header: headerOf(chain.table), attributes }
    return this.#socket.find(message, formatMember(chain), ENOENT) !== undefined
  }

  /** Lists the chains of a table; the kernel tells all of the family. Where they are called is left out. */
  listChains(table: Table): Chain[] {
    const header = headerOf(table)
    return this.#socket
      .dump({ type: NFT_MSG_GETCHAIN, header, attributes: { table: table.name } }, formatTable(table), () => true)
      .filter(({ attributes }) => attributes.table === table.name)
      .map(({ attributes: { name = "", userdata } }) => ({ table, name, ...commentIn(userdata) }))
  }

  /** Tells whether there is a rule with a handle. */
  hasRule(chain: Chain, handle: number): boolean {
    const attributes = { table: chain.table.name, chain: chain.name, handle }
    const message = { type: NFT_MSG_GETRULE, header: headerOf(chain.table), attributes }
    return this.#socket.find(message, `${formatMember(chain)} handle ${handle}`, ENOENT) !== undefined
  }

  /** Lists the rules of a chain in their order; none if there is no such chain. */
  listRules(chain: Chain): ListedRule[] {
    const attributes = { table: chain.table.name, chain: chain.name }
    const message = { type: NFT_MSG_GETRULE, header: headerOf(chain.table), attributes }
    return this.#socket.dump(message, formatMember(chain), () => true).map(ruleOf)
  }

  /** Tells whether there is a set. */
  hasSet(set: AnySet): boolean {
    const attributes = { table: set.table.name, name: set.name }
    const message = { type: NFT_MSG_GETSET, header: headerOf(set.table), attributes }
    return this.#socket.find(message, formatMember(set), ENOENT) !== undefined
  }

  /** Finds an element by its key; undefined too if there is no such set. */
  findElement<K extends Types, V extends ValueType>(set: SetSpec<K, V>, key: Parts<K>): Element<K, V> | undefined {
    const elements = { elements: [keyAttributesOf(set, key)] }
    const attributes = { table: set.table.name, set: set.name, elements }
    const message = { type: NFT_MSG_GETSETELEM, header: headerOf(set.table), attributes }
    const found = this.#socket.find(message, formatMember(set), ENOENT)?.attributes.elements?.elements?.[0]
    return found && elementOf(set, found)
  }

  /** Lists the elements of a set in no order; none if there is no such set. */
  listElements<K extends Types, V extends ValueType>(set: SetSpec<K, V>): Element<K, V>[] {
    const attributes = { table: set.table.name, set: set.name }
    const message = { type: NFT_MSG_GETSETELEM, header: headerOf(set.table), attributes }
    try {
      return this.#socket
        .dump(message, formatMember(set), () => true)
        .flatMap(({ attributes }) => attributes.elements?.elements ?? [])
        .map(element => elementOf(set, element))
    } catch (error) {
      if (isRefusal(error, "ENOENT")) return []
      throw error
    }
  }
}

function commentIn(userdata: Uint8Array | undefined): { comment?: string } {
  const comment = decodeComment(userdata)
  return comment === undefined ? {} : { comment }
}

function ruleOf({ attributes: { handle = 0, userdata } }: ReplyTo<typeof NFT_MSG_GETRULE>): ListedRule {
  return { handle, ...decodeLabels(userdata), userdata: userdata ?? new Uint8Array(0) }
}
