/**
 * ADD's reservations, from the first address file to the last line of the index.
 *
 *     file without a name ─► lock ─► what the owner has already ─► for each set: name the file, keep the last address
 *                                                                                            ─► index ─► unlock
 *
 * A kill at any point leaves whole address files at most, and those not yet in the index make the pool newer than it.
 */
import { CniCode } from "../../lib/cni/errors.ts"
import type { Undo } from "../../lib/cni/undo.ts"
import { type Address, formatAddress } from "../../lib/net/address.ts"
import type { NewFile } from "../../lib/sys/files.ts"
import { randomBytes } from "../../lib/sys/streams.ts"
import {
  type Allocation,
  type AllocationRequest,
  allocate,
  type FolderNames,
  PoolExhaustedError,
  type Reservations,
} from "./allocate.ts"
import { formatOwner, type Holder } from "./owner.ts"
import type { PoolPlan, RangeSet } from "./plan.ts"
import { findAddress, type Pool } from "./pool.ts"

/** The reservations of one owner in one ADD. */
export class Booking implements Reservations {
  readonly #pool: Pool
  readonly #holder: Holder
  readonly #owner: string
  #file: NewFile | undefined
  #last: Address | undefined
  /** Files that the owner had before. */
  #owned: string[] = []
  readonly #reserved: string[] = []
  readonly #undo: Undo

  constructor(pool: Pool, holder: Holder, undo: Undo) {
    this.#pool = pool
    this.#holder = holder
    this.#owner = formatOwner(holder)
    this.#undo = undo
  }

  /**
   * Reserves an address of each set.
   * @throws {CniError | AllocationError | LockTimeout | SysError}
   */
  reserve({ sets, strategy }: PoolPlan): Allocation[] {
    const { store } = this.#pool
    const request = { containerId: this.#holder.containerId, strategy, random: randomFraction }
    this.#file = store.prepare(this.#owner)
    try {
      return store.lock(() => {
        this.#owned = this.#listStillOwned()
        const allocations = sets.map(set => this.#allocate(set, request))
        this.#pool.index.set(this.#owner, [...this.#owned, ...this.#reserved])
        return allocations
      })
    } finally {
      this.#file?.close()
    }
  }

  /** What the owner has from before this boot is nobody's: the container cannot be the same. */
  #listStillOwned(): string[] {
    const owned = this.#pool.listOwned(this.#owner, this.#holder.containerId)
    if (owned.length === 0) return owned
    const { names } = this.#pool.reclaim(owned)
    return owned.filter(name => !names.includes(name))
  }

  #allocate(set: RangeSet, request: AllocationRequest): Allocation {
    this.#last = undefined
    if (set.requested) this.#pool.reclaim([formatAddress(set.requested)])
    const allocation = this.#allocateOrReclaim(set, request)
    const { address } = allocation.address
    const last = this.#last ?? this.findLastReserved(set.index)
    this.#pool.store.setLastReserved(set.index, address, last)
    return allocation
  }

  #allocateOrReclaim(set: RangeSet, request: AllocationRequest): Allocation {
    try {
      return allocate(set, request, this)
    } catch (error) {
      if (!(error instanceof PoolExhaustedError)) throw error
      const { names, doubt } = this.#pool.reclaim(this.#pool.listReserved(set))
      if (names.length === 0) throw this.#pool.exhausted(CniCode.addressesExhausted, set, doubt)
    }
    return allocate(set, request, this)
  }

  /** Names the prepared file after the address. */
  tryReserve(address: Address): boolean {
    this.#file ??= this.#pool.store.prepare(this.#owner)
    const name = formatAddress(address)
    if (!this.#file.nameIt(name)) return false
    this.#undo.push(`address file ${name} of network ${this.#pool.network}`, () => this.#release(name))
    this.#reserved.push(name)
    this.#file.close()
    this.#file = undefined
    return true
  }

  /** Runs after the lock of reserve() was given back. */
  #release(name: string): void {
    const { store, index } = this.#pool
    store.lock(() => {
      store.removeOwned(name, this.#owner)
      index.remove(this.#owner, name)
    })
  }

  listNames(): FolderNames {
    return this.#pool.store.listNames()
  }

  listOwned(): readonly Address[] {
    return this.#owned.flatMap(name => findAddress(name) ?? [])
  }

  findLastReserved(setIndex: number): Address | undefined {
    this.#last = this.#pool.store.findLastReserved(setIndex)
    return this.#last
  }
}

/** Returns a number from 0 up to but not including 1, of 53 random bits. */
function randomFraction(): number {
  const bytes = randomBytes(7)
  let bits = bytes[0]! & 31
  for (let i = 1; i < 7; i++) bits = bits * 256 + bytes[i]!
  return bits / 2 ** 53
}
