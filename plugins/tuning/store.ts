/** The folder of state files (state.ts). A file gets its name only when it is whole, so that none is ever found half written. */
import { type Attachment, formatOwner } from "../../lib/host/owner.ts"
import { isSysError } from "../../lib/sys/errors.ts"
import {
  ensureFolder,
  findTextFile,
  isTemporaryName,
  listNames,
  prepareFile,
  removeFile,
  renameFile,
} from "../../lib/sys/files.ts"
import { encodeUtf8 } from "../../lib/sys/streams.ts"

/** In bytes: NAME_MAX of linux/limits.h. A container ID is ASCII, and the rest is short. */
const NAME_LENGTH = 255

/** Tells the name of an attachment's file. The reference has none for a container ID that is too long; here a hash tells it. */
export function stateName(attachment: Attachment): string {
  const { containerId, ifname } = attachment
  const name = `${containerId}_${ifname}.json`
  if (encodeUtf8(name).length <= NAME_LENGTH) return name
  const [, , hash] = formatOwner({ ...attachment, network: "" }).split(" ")
  return `${containerId.slice(0, 200)}${hash}_${ifname}.json`
}

/** A name as isTemporaryName() knows it, short enough for a file. */
const temporaryName = (name: string): string => `.new-${name.slice(0, NAME_LENGTH - 5)}`

/** The files of one folder, which need not exist. */
export class Store {
  readonly folder: string

  constructor(folder: string) {
    this.folder = folder
  }

  /** Lists the names of state files, and of those whose ADD was killed before they had one. @throws {SysError} */
  *list(): Generator<string> {
    for (const names of listNames(this.folder)) {
      for (const name of names) if (name.endsWith(".json") || isTemporaryName(name)) yield name
    }
  }

  /** Finds a file's text. @throws {SysError} */
  findText(name: string): string | undefined {
    return findTextFile(this.#path(name))
  }

  /** Gives a file its text, whole or not at all, and makes the folder if need be. @throws {SysError} */
  write(name: string, text: string): void {
    const file = this.#prepare(text)
    try {
      if (file.nameIt(name)) return
      const temporary = temporaryName(name)
      removeFile(this.#path(temporary))
      file.nameIt(temporary)
      renameFile(this.#path(temporary), this.#path(name))
    } finally {
      file.close()
    }
  }

  /** Removes a file, if there is one, and what a killed write() left of it. @throws {SysError} */
  remove(name: string): void {
    removeFile(this.#path(temporaryName(name)))
    removeFile(this.#path(name))
  }

  #prepare(text: string) {
    try {
      return prepareFile(this.folder, text)
    } catch (error) {
      if (!isSysError(error, "ENOENT")) throw error
      // The reference makes it with mode 0600, in which nobody but root finds anything; the files are 0600 here too.
      ensureFolder(this.folder)
      return prepareFile(this.folder, text)
    }
  }

  #path(name: string): string {
    return `${this.folder}/${name}`
  }
}
