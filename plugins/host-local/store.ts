/**
 * A network's folder of reservations, bit-compatible with the reference plugin's, so that both can work on one node:
 *
 *     <dataDir>/<network>/10.1.2.5             one file for each reserved address; its text is the owner; mode 0600
 *                         last_reserved_ip.0   the address that range set 0 gave last; a hint, never trusted
 *                         lock                 empty; flock(2) on it excludes every other user of the folder
 *
 * A file gets its address as its name only when it is whole, so that none is ever found without an owner after a kill.
 * Nothing is synced to the disk: after a power failure a file may be empty, and is then free (boot.ts).
 */
import { type Address, AddressError, formatAddress, parseAddress } from "../../lib/net/address.ts"
import { isSysError } from "../../lib/sys/errors.ts"
import {
  ensureFolder,
  findStatus,
  findTextFile,
  isTemporaryName,
  listNames,
  type NewFile,
  overwriteFile,
  prepareFile,
  removeFile,
  writeExistingFile,
} from "../../lib/sys/files.ts"
import { withLock } from "../../lib/sys/locks.ts"
import type { FolderNames } from "./allocate.ts"
import type { DatedFile } from "./boot.ts"
import { isAddressName } from "./owner.ts"

/** Long for 200 plugins at once, short for a runtime, which gives a plugin two minutes. */
const LOCK_TIMEOUT_MS = 30_000
/** The reference's, though nobody executes a lock. */
const LOCK_MODE = 0o750

/** The files of one network. Whoever changes them, but for `prepare`, holds the lock. */
export class Store {
  readonly folder: string

  /** @param folder need not exist */
  constructor(folder: string) {
    this.folder = folder
  }

  /** Runs `body` while nobody else changes the folder, which must exist. @throws {LockTimeout | SysError} */
  lock<T>(body: () => T): T {
    return withLock(this.#path("lock"), LOCK_TIMEOUT_MS, body, LOCK_MODE)
  }

  /** Does the same if the folder exists, and else nothing. @throws {LockTimeout | SysError} */
  lockIfThere(body: () => void): void {
    try {
      this.lock(body)
    } catch (error) {
      if (!isSysError(error, "ENOENT", "ENOTDIR", "ENAMETOOLONG") || error.subject !== this.#path("lock")) throw error
    }
  }

  /** Writes an owner's file, yet without a name, and makes the folder if need be. The caller owes a close. */
  prepare(owner: string): NewFile {
    try {
      return prepareFile(this.folder, owner)
    } catch (error) {
      if (!isSysError(error, "ENOENT")) throw error
      ensureFolder(this.folder)
      return prepareFile(this.folder, owner)
    }
  }

  /** Lists all names in the folder. */
  listNames(): FolderNames {
    return listNames(this.folder)
  }

  /** Lists the names that are an address's. */
  *listReserved(): Generator<string> {
    for (const names of this.listNames()) {
      for (const name of names) if (isAddressName(name)) yield name
    }
  }

  /** Lists the same, and the files of ADDs that were killed before these had an address for a name. */
  *listOwnable(): Generator<string> {
    for (const names of this.listNames()) {
      for (const name of names) if (isAddressName(name) || isTemporaryName(name)) yield name
    }
  }

  /** Reads an address file, white space around its text left out; undefined if there is none. @throws {SysError} */
  findText(name: string): string | undefined {
    try {
      return findTextFile(this.#path(name))?.trim()
    } catch (error) {
      if (isSysError(error, "EISDIR")) return undefined
      throw error
    }
  }

  /** Tells when files were last modified; those that are gone are left out. @throws {SysError} */
  datesOf(names: Iterable<string>): DatedFile[] {
    const files: DatedFile[] = []
    for (const name of names) {
      const status = findStatus(this.#path(name))
      if (status?.isFile) files.push({ name, modifiedMs: status.modifiedMs })
    }
    return files
  }

  /** Removes an address file; true if there was one. @throws {SysError} */
  remove(name: string): boolean {
    return removeFile(this.#path(name))
  }

  /** Removes an address file if it is the owner's; true if it was. @throws {SysError} */
  removeOwned(name: string, owner: string): boolean {
    return this.findText(name) === owner && this.remove(name)
  }

  /** Finds the address that a range set gave last. @throws {SysError} */
  findLastReserved(setIndex: number): Address | undefined {
    const text = findTextFile(this.#path(`last_reserved_ip.${setIndex}`))
    try {
      return text === undefined ? undefined : parseAddress(text)
    } catch (error) {
      if (error instanceof AddressError) return undefined
      throw error
    }
  }

  /**
   * Keeps the address that a range set gave last.
   * @param before what findLastReserved() told
   */
  setLastReserved(setIndex: number, address: Address, before: Address | undefined): void {
    const path = this.#path(`last_reserved_ip.${setIndex}`)
    const text = formatAddress(address)
    // A file that is cut to nothing is written to the disk at once by ext4; one that is written over is not.
    if (before && formatAddress(before).length <= text.length) writeExistingFile(path, text)
    else overwriteFile(path, text)
  }

  #path(name: string): string {
    return `${this.folder}/${name}`
  }
}
