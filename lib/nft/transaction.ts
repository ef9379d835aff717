/**
 * One transaction: changes that nobody ever sees half of. They are collected, sent as one batch, and take effect together or, if
 * the kernel refuses one, not at all.
 *
 * Every transaction of whatever program makes a new generation of the ruleset. One that has looked at the ruleset through `current`
 * only takes effect while the generation is still the one it has seen; else it is planned anew (nft.ts).
 */
import type { Rows, Values } from "../netlink/attributes.ts"
import { isRefusal } from "../netlink/errors.ts"
import type { Message, MessageType } from "../netlink/message.ts"
import type { BatchPart, BatchRefusal, NetlinkSocket } from "../netlink/socket.ts"
import { NLM_F_APPEND, NLM_F_CREATE, NLM_F_EXCL } from "../netlink/uapi/netlink.ts"
import {
  type elementAttributes,
  NFT_MSG_DELCHAIN,
  NFT_MSG_DELRULE,
  NFT_MSG_DELSET,
  NFT_MSG_DELSETELEM,
  NFT_MSG_DELTABLE,
  NFT_MSG_DESTROYCHAIN,
  NFT_MSG_DESTROYRULE,
  NFT_MSG_DESTROYSET,
  NFT_MSG_DESTROYSETELEM,
  NFT_MSG_DESTROYTABLE,
  NFT_MSG_NEWCHAIN,
  NFT_MSG_NEWRULE,
  NFT_MSG_NEWSET,
  NFT_MSG_NEWSETELEM,
  NFT_MSG_NEWTABLE,
} from "../netlink/uapi/nf-tables.ts"
import { NF_ACCEPT, NF_DROP } from "../netlink/uapi/nf-tables-data.ts"
import {
  NFNL_MSG_BATCH_BEGIN,
  NFNL_MSG_BATCH_END,
  NFNL_SUBSYS_NFTABLES,
  type nfgenmsg,
} from "../netlink/uapi/nfnetlink.ts"
import {
  type Chain,
  formatMember,
  formatTable,
  headerOf,
  hookNumbers,
  refuseForeign,
  refuseForeignRemoval,
  type Table,
} from "./objects.ts"
import { RuleBody, type Statement } from "./rule-body.ts"
import type { Ruleset } from "./ruleset.ts"
import {
  type AnySet,
  type Element,
  elementAttributesOf,
  formatKey,
  keyAttributesOf,
  type Parts,
  type SetSpec,
  setAttributesOf,
  type Types,
  type ValueType,
} from "./sets.ts"
import { encodeComment, encodeLabels, type Labels } from "./userdata.ts"

/** A nest can have 64 KB, and an element with everything on it 400 bytes. */
const ELEMENTS_AT_ONCE = 128

interface Change extends BatchPart {
  readonly isRemoval: boolean
}

type NftMessage<A extends Rows> = MessageType<typeof nfgenmsg.rows, A>

/** How one kind of thing is taken away. */
interface Removal<A extends Rows> {
  readonly type: NftMessage<A>
  /** The same, from Linux 6.3 on, if absence is to be no error. */
  readonly tolerantType: NftMessage<A>
  readonly table: Table
  readonly attributes: Message<Rows, A>["attributes"]
  readonly subject: string
  /** What it is in, which has to be there for either; undefined for a table. */
  readonly container?: { readonly name: string; isThere(): boolean }
  isThere(): boolean
}

/** Changes to be made together. What they are about is read when they are added; nothing happens before the plan's end. */
export class Transaction {
  readonly #ruleset: Ruleset
  readonly #canDestroy: () => boolean
  readonly #changes: Change[] = []
  readonly #containers = new Map<string, boolean>()
  #generation: number | undefined
  #sets = 0

  /** @param canDestroy tells whether the kernel knows NFT_MSG_DESTROY… */
  constructor(ruleset: Ruleset, canDestroy: () => boolean) {
    this.#ruleset = ruleset
    this.#canDestroy = canDestroy
  }

  /** The ruleset as it is before the transaction, which then takes effect only if that is still so. @throws {NetlinkError} */
  get current(): Ruleset {
    this.#generation ??= this.#ruleset.generation()
    return this.#ruleset
  }

  /** Makes sure that there is a table. @throws {ForeignTable} */
  ensureTable(table: Table): void {
    const { name, comment } = table
    this.#create(NFT_MSG_NEWTABLE, table, { name, flags: 0, userdata: encodeComment(comment) }, formatTable(table))
  }

  /**
   * Makes sure that there is a chain; one that is there keeps its rules and its comment. The kernel refuses it if there is
   * one of this name that is called elsewhere.
   * @throws {ForeignTable}
   */
  ensureChain(chain: Chain): void {
    const { table, name, comment, base } = chain
    const called = base && {
      type: base.type,
      policy: base.policy === "accept" ? NF_ACCEPT : NF_DROP,
      hook: { number: hookNumbers[base.hook], priority: base.priority },
    }
    const attributes = { table: table.name, name, ...called, userdata: encodeComment(comment) }
    this.#create(NFT_MSG_NEWCHAIN, table, attributes, formatMember(chain))
  }

  /** Takes all rules out of a chain, which must be there. @throws {ForeignTable} */
  flushChain(chain: Chain): void {
    refuseForeign(chain.table)
    const attributes = { table: chain.table.name, chain: chain.name }
    const message = { type: NFT_MSG_DELRULE, header: headerOf(chain.table), attributes }
    this.#changes.push({ message, subject: formatMember(chain), isRemoval: false })
  }

  /** Appends a rule to a chain, which must be there. @throws {ForeignTable | CodecError} */
  addRule(chain: Chain, statements: readonly Statement[], labels: Labels = {}): void {
    const { table } = chain
    const body = new RuleBody(table.family, () => ++this.#sets)
    for (const statement of statements) body.append(statement)
    const subject = `${formatMember(chain)}${labels.comment === undefined ? "" : ` "${labels.comment}"`}`
    for (const { id, attributes, elements } of body.sets) {
      this.#create(NFT_MSG_NEWSET, table, { table: table.name, ...attributes }, subject)
      const list = { table: table.name, set: attributes.name, setId: id, elements: { elements } }
      this.#create(NFT_MSG_NEWSETELEM, table, list, subject)
    }
    const expressions = { elements: body.expressions }
    const attributes = { table: table.name, chain: chain.name, expressions, userdata: encodeLabels(labels) }
    this.#create(NFT_MSG_NEWRULE, table, attributes, subject, NLM_F_APPEND)
  }

  /** Makes sure that there is a set; EEXIST if there is one of other types. @throws {ForeignTable} */
  ensureSet(set: AnySet): void {
    this.#create(NFT_MSG_NEWSET, set.table, setAttributesOf(set, ++this.#sets), formatMember(set))
  }

  /** Puts elements into a set; EEXIST if one is there. @throws {ForeignTable | CodecError} */
  createElements<K extends Types, V extends ValueType>(set: SetSpec<K, V>, elements: readonly Element<K, V>[]): void {
    this.#putElements(set, elements, NLM_F_EXCL)
  }

  /** Makes sure that elements are in a set; EBUSY if a map has another value for one. @throws {ForeignTable | CodecError} */
  ensureElements<K extends Types, V extends ValueType>(set: SetSpec<K, V>, elements: readonly Element<K, V>[]): void {
    this.#putElements(set, elements, 0)
  }

  #putElements<K extends Types, V extends ValueType>(
    set: SetSpec<K, V>,
    elements: readonly Element<K, V>[],
    flags: number,
  ): void {
    for (const some of inPortions(elements)) {
      const attributes = listOf(
        set,
        some.map(element => elementAttributesOf(set, element)),
      )
      this.#create(NFT_MSG_NEWSETELEM, set.table, attributes, formatElements(set, some), flags)
    }
  }

  /** Removes a table and all that is in it. @throws {ForeignTable} */
  removeTable(table: Table): void {
    refuseForeign(table)
    this.#remove({
      ...{ type: NFT_MSG_DELTABLE, tolerantType: NFT_MSG_DESTROYTABLE, table, subject: formatTable(table) },
      attributes: { name: table.name },
      isThere: () => this.#ruleset.hasTable(table),
    })
  }

  /** Removes a chain with its rules; EBUSY if a rule elsewhere jumps to it. @throws {ForeignTable} */
  removeChain(chain: Chain): void {
    const { table, name } = chain
    this.#remove({
      ...{ type: NFT_MSG_DELCHAIN, tolerantType: NFT_MSG_DESTROYCHAIN, table, subject: formatMember(chain) },
      attributes: { table: table.name, name },
      container: this.#containerOf(table),
      isThere: () => this.#ruleset.hasChain(chain),
    })
  }

  /** Removes the rule that a listing has given a handle. @throws {ForeignTable} */
  removeRule(chain: Chain, { handle }: { readonly handle: number }): void {
    const { table, name } = chain
    this.#remove({
      ...{ type: NFT_MSG_DELRULE, tolerantType: NFT_MSG_DESTROYRULE, table },
      subject: `${formatMember(chain)} handle ${handle}`,
      attributes: { table: table.name, chain: name, handle },
      container: { name: formatMember(chain), isThere: () => this.#ruleset.hasChain(chain) },
      isThere: () => this.#ruleset.hasRule(chain, handle),
    })
  }

  /** Removes a set with its elements; EBUSY if a rule looks into it. @throws {ForeignTable} */
  removeSet(set: AnySet): void {
    const { table, name } = set
    this.#remove({
      ...{ type: NFT_MSG_DELSET, tolerantType: NFT_MSG_DESTROYSET, table, subject: formatMember(set) },
      attributes: { table: table.name, name },
      container: this.#containerOf(table),
      isThere: () => this.#ruleset.hasSet(set),
    })
  }

  /** Removes elements from a set by their keys. @throws {ForeignTable | CodecError} */
  removeElements<K extends Types>(set: SetSpec<K, ValueType>, keys: readonly Parts<K>[]): void {
    const container = { name: formatMember(set), isThere: () => this.#ruleset.hasSet(set) }
    // Without NFT_MSG_DESTROYSETELEM each has to be looked for.
    for (const some of this.#canDestroy() ? inPortions(keys) : keys.map(key => [key])) {
      this.#remove({
        ...{ type: NFT_MSG_DELSETELEM, tolerantType: NFT_MSG_DESTROYSETELEM, table: set.table, container },
        subject: formatElements(
          set,
          some.map(key => ({ key })),
        ),
        attributes: listOf(
          set,
          some.map(key => keyAttributesOf(set, key)),
        ),
        isThere: () => this.#ruleset.findElement(set, some[0]!) !== undefined,
      })
    }
  }

  #containerOf(table: Table): { name: string; isThere(): boolean } {
    return { name: formatTable(table), isThere: () => this.#ruleset.hasTable(table) }
  }

  #remove<A extends Rows>(removal: Removal<A>): void {
    const { type, tolerantType, table, attributes, subject, container } = removal
    refuseForeignRemoval(table)
    const isTolerant = this.#canDestroy()
    if (!(isTolerant ? this.#isThere(container) : removal.isThere())) return
    const message = { type: isTolerant ? tolerantType : type, header: headerOf(table), attributes }
    this.#changes.push({ message, subject, isRemoval: true })
  }

  #isThere(container: Removal<Rows>["container"]): boolean {
    if (container === undefined) return true
    const known = this.#containers.get(container.name) ?? container.isThere()
    this.#containers.set(container.name, known)
    return known
  }

  #create<A extends Rows>(
    type: NftMessage<A>,
    table: Table,
    attributes: Message<Rows, A>["attributes"],
    subject: string,
    flags = 0,
  ): void {
    refuseForeign(table)
    const message = { type, flags: NLM_F_CREATE | flags, header: headerOf(table), attributes }
    this.#changes.push({ message, subject, isRemoval: false })
  }

  /** Makes the changes, and returns what was refused: nothing, or none is made. @throws {SysError} */
  commit(socket: NetlinkSocket): readonly BatchRefusal[] {
    return this.#send(socket, boundary(NFNL_MSG_BATCH_END, {}))
  }

  /** Has the kernel check the changes and take them back, for which it takes its time, and returns what was refused. */
  rehearse(socket: NetlinkSocket): readonly BatchRefusal[] {
    return this.#send(socket, undefined)
  }

  #send(socket: NetlinkSocket, end: BatchPart | undefined): readonly BatchRefusal[] {
    if (this.#changes.length === 0) return []
    const begin = boundary(NFNL_MSG_BATCH_BEGIN, { generation: this.#generation })
    return socket.batch({ begin, changes: this.#changes, end })
  }

  /** Tells whether the refusals only say that the ruleset, or the kernel, is not what the plan took it for. */
  isOutdated(refusals: readonly BatchRefusal[]): boolean {
    return refusals.some(({ index, error }) => {
      if (index < 0) return isRefusal(error, "ERESTART")
      if (!this.#changes[index]?.isRemoval) return false
      // EINVAL is what a kernel says to messages that it does not know.
      return isRefusal(error, "ENOENT") || (this.#canDestroy() && isRefusal(error, "EINVAL"))
    })
  }
}

/** The first or last message of a batch. */
function boundary(type: typeof NFNL_MSG_BATCH_BEGIN, attributes: { generation?: number | undefined }): BatchPart {
  return { message: { type, header: { subsystem: NFNL_SUBSYS_NFTABLES }, attributes }, subject: "nf_tables" }
}

function listOf({ table, name }: AnySet, elements: readonly Values<typeof elementAttributes>[]) {
  return { table: table.name, set: name, elements: { elements } }
}

function inPortions<T>(all: readonly T[]): (readonly T[])[] {
  const portions: (readonly T[])[] = []
  for (let at = 0; at < all.length; at += ELEMENTS_AT_ONCE) portions.push(all.slice(at, at + ELEMENTS_AT_ONCE))
  return portions
}

/** Names elements in errors and traces: "ip patchbay ports { tcp . 8080 }". */
function formatElements<K extends Types>(set: SetSpec<K, ValueType>, elements: readonly { key: Parts<K> }[]): string {
  const more = elements.length > 1 ? `, … ${elements.length} elements` : ""
  return `${formatMember(set)} { ${elements.slice(0, 1).map(({ key }) => formatKey(set, key))}${more} }`
}
