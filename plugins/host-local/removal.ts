/**
 * What DEL and GC take away. Neither needs a valid configuration of ranges, a namespace or the index of owners.
 */
import type { Removals } from "../../lib/cni/undo.ts"
import { formatOwner, type Holder, isOwner, makeStaleTest } from "./owner.ts"
import type { Pool } from "./pool.ts"

/**
 * Removes the address files of one owner. The index tells where they are; unless it led to `expected` of them, every
 * file is read. If none was the owner's, those that name its container alone are.
 */
export function removeOwned(pool: Pool, holder: Holder, expected: number, removals: Removals): void {
  const { store, index } = pool
  const owner = formatOwner(holder)
  const tried = new Set<string>()
  let removed = 0
  const legacy: string[] = []
  const tryRemove = (name: string) => {
    tried.add(name)
    removals.attempt(`address file ${name} of network ${pool.network}`, () => {
      const text = store.findText(name)
      if (text === holder.containerId) legacy.push(name)
      if (text === owner && store.remove(name)) removed++
    })
  }

  for (const name of index.find(owner) ?? []) tryRemove(name)
  if (removed < expected) {
    for (const name of store.listOwnable()) if (!tried.has(name)) tryRemove(name)
  }
  if (removed === 0) {
    for (const name of legacy) removals.attempt(`address file ${name}`, () => store.remove(name))
    if (legacy.length > 0) removals.attempt("entry in the index of owners", () => index.removeOwner(holder.containerId))
  }
  removals.attempt("entry in the index of owners", () => index.removeOwner(owner))
}

/** Removes the address files of all owners but the valid ones, and files that a reboot left without an owner. */
export function removeStale(pool: Pool, valid: readonly Holder[], removals: Removals): void {
  const { store, index } = pool
  const isStale = makeStaleTest(valid)
  const owners = new Set<string>()
  const broken: string[] = []
  for (const name of store.listOwnable()) {
    removals.attempt(`address file ${name} of network ${pool.network}`, () => {
      const owner = store.findText(name)
      if (owner === undefined) return
      if (!isOwner(owner)) {
        broken.push(name)
        return
      }
      owners.add(owner)
      if (isStale(owner) && store.remove(name)) owners.delete(owner)
    })
  }
  removals.attempt(`address files without an owner of network ${pool.network}`, () => pool.reclaim(broken))
  removals.attempt(`entries in the index of owners`, () => index.retain(owners))
}
