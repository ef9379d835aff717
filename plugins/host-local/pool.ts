/**
 * One network's reservations as the verbs see them: the address files and the index of their owners, read and changed
 * together. Wherever both are changed the files come first (owner-index.ts says why).
 */
import { CniError } from "../../lib/cni/errors.ts"
import { type Address, AddressError, parseAddress } from "../../lib/net/address.ts"
import { uptime, wallClock } from "../../lib/sys/clock.ts"
import { SysError } from "../../lib/sys/errors.ts"
import { warn } from "../../lib/sys/trace.ts"
import { findOldFiles } from "./boot.ts"
import { isOwner } from "./owner.ts"
import { OwnerIndex } from "./owner-index.ts"
import { canGive, formatRangeSet, type PoolFolders, type RangeSet } from "./plan.ts"
import { Store } from "./store.ts"

/** How many addresses a line on stderr lists. */
const MAX_NAMED = 20

/** Address files that nobody can be using any more. */
export interface Reclaimable {
  readonly names: readonly string[]
  /** Why files from before this boot cannot be told; undefined if they can. */
  readonly doubt: string | undefined
}

/** The address files and the index of one network. */
export class Pool {
  readonly network: string
  readonly store: Store
  readonly index: OwnerIndex
  /** Whether files with an owner are reclaimed, too. */
  readonly reclaimsOwned: boolean

  constructor(network: string, { pool, owners }: PoolFolders, reclaimsOwned: boolean) {
    this.network = network
    this.store = new Store(pool)
    this.index = new OwnerIndex(owners)
    this.reclaimsOwned = reclaimsOwned
  }

  /** Lists the files of an owner, those in the old form of its container included. Brings the index up to date. */
  listOwned(owner: string, containerId: string): string[] {
    const isCovered = this.index.canHold(owner) && this.index.coversPool(this.store.folder)
    const exact = isCovered && this.#findOwned(owner)
    const legacy = exact && this.#findOwned(containerId)
    if (legacy) return [...exact, ...legacy]
    const found = this.readOwners()
    this.index.rebuild(found)
    return [owner, containerId].flatMap(each => found.get(each) ?? [])
  }

  /** Looks the owner up in the index; undefined if the address files contradict it. */
  #findOwned(owner: string): string[] | undefined {
    const names = this.index.find(owner)
    return names?.every(name => this.store.findText(name) === owner) ? names : undefined
  }

  /** Reads every address file that can be read: the files of each owner. */
  readOwners(): Map<string, string[]> {
    const found = new Map<string, string[]>()
    for (const name of this.store.listReserved()) {
      const owner = this.#findOwner(name)
      if (owner === undefined) continue
      const names = found.get(owner)
      if (names) names.push(name)
      else found.set(owner, [name])
    }
    return found
  }

  /** Tells an address file's owner; undefined if it names none. One that cannot be read is taken, and no more is known. */
  #findOwner(name: string): string | undefined {
    try {
      const text = this.store.findText(name)
      return text !== undefined && isOwner(text) ? text : undefined
    } catch (error) {
      if (!(error instanceof SysError)) throw error
      warn(`host-local: an address file is passed over: ${error.message}`)
      return undefined
    }
  }

  /** Tells which of these files are from before this boot, and so in nobody's use. */
  findReclaimable(names: Iterable<string>): Reclaimable {
    const clocks = { wallMs: wallClock(), uptimeMs: uptime() }
    const { names: old, doubt } = findOldFiles(this.store.datesOf(names), clocks)
    return { names: this.reclaimsOwned ? old : old.filter(name => !isOwner(this.store.findText(name) ?? "")), doubt }
  }

  /** Lists the files of those addresses that the set hands out. */
  *listReserved(set: RangeSet): Generator<string> {
    for (const name of this.store.listReserved()) {
      const address = findAddress(name)
      if (address && canGive(set, address)) yield name
    }
  }

  /** Removes those of these files that are from before this boot, and says so; the answer tells which. */
  reclaim(names: Iterable<string>): Reclaimable {
    const found = this.findReclaimable(names)
    for (const name of found.names) this.#take(name)
    const count = found.names.length
    if (count > 0) {
      const list = found.names.slice(0, MAX_NAMED).join(" ") + (count > MAX_NAMED ? " …" : "")
      warn(
        `host-local: network ${this.network}: took back what was reserved before this boot, ${count} in all: ${list}`,
      )
    }
    return found
  }

  #take(name: string): void {
    const owner = this.#findOwner(name)
    this.store.remove(name)
    if (owner !== undefined) this.index.remove(owner, name)
  }

  /** The error of a range set without a free address, which tells how to free some. */
  exhausted(code: number, set: RangeSet, doubt: string | undefined): CniError {
    const kept = doubt === undefined ? "" : `Addresses from before this boot were not taken back: ${doubt}. `
    const details =
      `${kept}GC frees what containers that are gone have left in ${this.store.folder}: run this plugin with ` +
      `CNI_COMMAND=GC, CNI_PATH, and on stdin this configuration (cniVersion 1.1.0) with all attachments that exist ` +
      `in "cni.dev/valid-attachments": [{"containerID": "…", "ifname": "…"}, …]`
    const problem = `no IP addresses available in range set: ${formatRangeSet(set)}`
    return new CniError(code, `failed to allocate for range ${set.index}: ${problem}`, details)
  }
}

/** Reads the address that a file is named after, if it is one. */
export function findAddress(name: string): Address | undefined {
  try {
    return parseAddress(name)
  } catch (error) {
    if (error instanceof AddressError) return undefined
    throw error
  }
}
