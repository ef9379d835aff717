/**
 * The owner index: which addresses an owner has, so that a duplicate ADD and a DEL need not open every address file.
 *
 *     <dataDir>/.owners/<network>/<container ID>:<interface>  →  "10.1.2.5 fd00::5"
 *
 * An entry is a symbolic link, whose target is the addresses: made whole by one system call, read by another, and kept
 * in the inode. Neither a container ID nor an interface name holds a colon, so the name needs no hash.
 *
 * The address files are the truth. What an entry says must be looked up in them, and an entry may be missing: then the
 * whole folder is read. Changes go to the pool's folder first and to the index last; a pool that was changed after the
 * index was changed by another program (or by one that was killed), and owners without an entry may have addresses in it.
 * Nothing that goes wrong with the index keeps a container from its addresses.
 */
import { isSysError, SysError } from "../../lib/sys/errors.ts"
import { createLink, ensureFolder, findLink, findStatus, listNames, removeFile } from "../../lib/sys/files.ts"
import { warn } from "../../lib/sys/trace.ts"
import { isAddressName } from "./owner.ts"

/** In characters: file names have 255 bytes, and ten is the most that an interface's name has more bytes than characters. */
const MAX_NAME = 245

/** The owner index of one network. */
export class OwnerIndex {
  readonly #folder: string
  #hasFailed = false

  /** @param folder need not exist */
  constructor(folder: string) {
    this.#folder = folder
  }

  /** Tells the names of the files that the owner's entry lists: none if it has no entry, undefined if that is no entry. */
  find(owner: string): string[] | undefined {
    return this.#attempt(() => {
      const names = findLink(this.#path(owner))?.split(" ") ?? []
      return names.every(isAddressName) ? names : undefined
    })
  }

  /** Tells whether every owner of the pool has an entry. */
  coversPool(pool: string): boolean {
    const index = this.#attempt(() => findStatus(this.#folder))
    const changed = findStatus(pool)
    return index !== undefined && changed !== undefined && index.modifiedMs >= changed.modifiedMs
  }

  /** Tells whether an owner can have an entry. */
  canHold(owner: string): boolean {
    return owner.length <= MAX_NAME
  }

  /** Makes an owner's entry list these files, or none. */
  set(owner: string, names: readonly string[]): void {
    this.#attempt(() => {
      if (names.length === 0) this.removeOwner(owner)
      else if (this.canHold(owner)) this.#write(owner, names.join(" "))
    })
  }

  /** Removes an owner's entry. @throws {SysError} */
  removeOwner(owner: string): void {
    if (this.canHold(owner)) removeFile(this.#path(owner))
  }

  #write(owner: string, target: string): void {
    const path = this.#path(owner)
    try {
      if (createLink(path, target)) return
    } catch (error) {
      if (!isSysError(error, "ENOENT")) throw error
      // Its names tell more of the node than the address files do, which only their owner may read.
      ensureFolder(this.#folder, 0o700)
    }
    if (this.find(owner)?.join(" ") === target) return
    removeFile(path)
    createLink(path, target)
  }

  /** Takes a file off an owner's entry. */
  remove(owner: string, name: string): void {
    const names = this.find(owner) ?? []
    const others = names.filter(each => each !== name)
    if (others.length < names.length) this.set(owner, others)
  }

  /** Makes the index hold these owners and no others. */
  rebuild(owners: ReadonlyMap<string, readonly string[]>): void {
    this.#attempt(() => this.retain(owners.keys()))
    for (const [owner, names] of owners) this.set(owner, names)
  }

  /** Removes the entries of all other owners. @throws {SysError} */
  retain(owners: Iterable<string>): void {
    const keep = new Set([".", ".."])
    for (const owner of owners) keep.add(entryName(owner))
    for (const names of listNames(this.#folder)) {
      for (const name of names) if (!keep.has(name)) removeFile(`${this.#folder}/${name}`)
    }
  }

  #path(owner: string): string {
    return `${this.#folder}/${entryName(owner)}`
  }

  #attempt<T>(body: () => T): T | undefined {
    try {
      return body()
    } catch (error) {
      if (!(error instanceof SysError)) throw error
      if (!this.#hasFailed) warn(`host-local: the address files are searched, for their index fails: ${error.message}`)
      this.#hasFailed = true
      return undefined
    }
  }
}

const entryName = (owner: string): string => owner.replace("\r\n", ":")
