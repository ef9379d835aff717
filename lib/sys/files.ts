/** Files and folders, whole at a time. Paths are absolute; every descriptor is closed before a function returns. */
import * as native from "native"
import { check, EAGAIN, EINTR, isSysError, retry, SysError } from "./errors.ts"

// asm-generic/fcntl.h
const O_WRONLY = 0o1
const O_CREAT = 0o100
const O_EXCL = 0o200
const O_TRUNC = 0o1000
const O_APPEND = 0o2000
const O_NONBLOCK = 0o4000
const O_DIRECTORY = 0o200000
const O_NOFOLLOW = 0o400000
const O_TMPFILE = 0o20000000 | O_DIRECTORY

const POLLIN = 1

const S_IFMT = 0o170000
const S_IFREG = 0o100000
const S_IFDIR = 0o040000

/** What stat(2) tells of a path. */
export interface FileStatus {
  /** Device and inode together name one file; two paths with both equal are the same file. */
  readonly device: number
  readonly inode: number
  readonly isFile: boolean
  readonly isDirectory: boolean
  /** In bytes. */
  readonly size: number
  /** Last modification, milliseconds since 1970. */
  readonly modifiedMs: number
}

function fileStatus([device, inode, mode, size, modifiedMs]: native.Stat): FileStatus {
  const type = mode & S_IFMT
  return { device, inode, isFile: type === S_IFREG, isDirectory: type === S_IFDIR, size, modifiedMs }
}

/** Opens a file for reading. The caller owes a close. @throws {SysError} */
export function openForReading(path: string): number {
  return check(
    retry(() => native.open(path, 0, 0)),
    "open",
    path,
  )
}

/** Closes a descriptor; what close(2) says of it changes nothing for the caller (Linux frees it in any case). */
export function close(fd: number): void {
  native.close(fd)
}

/** Tells the status of what a path names, links followed; undefined if there is nothing. @throws {SysError} */
export function findStatus(path: string): FileStatus | undefined {
  try {
    return fileStatus(check(native.stat(path), "stat", path))
  } catch (error) {
    if (isSysError(error, "ENOENT", "ENOTDIR")) return undefined
    throw error
  }
}

/** Tells the status of an open file. @throws {SysError} */
export function statusOf(fd: number, subject: string): FileStatus {
  return fileStatus(check(native.fstat(fd), "fstat", subject))
}

/** Reads from a descriptor to its end. The result's length is the data's. @throws {SysError} */
export function readToEnd(fd: number, subject: string): Uint8Array {
  let buffer = new Uint8Array(4096)
  let length = 0
  for (;;) {
    if (length === buffer.length) {
      const bigger = new Uint8Array(length * 4)
      bigger.set(buffer)
      buffer = bigger
    }
    const result = retry(() => native.read(fd, buffer.subarray(length)))
    if (result === -EAGAIN) {
      native.poll(fd, POLLIN, -1) // a pipe that its other owner reads without blocking
      continue
    }
    const count = check(result, "read", subject)
    if (count === 0) return buffer.subarray(0, length)
    length += count
  }
}

/** Writes all of `bytes` to a descriptor. @throws {SysError} */
export function writeAll(fd: number, bytes: Uint8Array, subject: string): void {
  for (let at = 0; at < bytes.length; ) {
    const written = native.write(fd, at === 0 ? bytes : bytes.subarray(at))
    if (written !== -EINTR) at += check(written, "write", subject)
  }
}

/** Reads a text file. @throws {SysError} */
export function readTextFile(path: string): string {
  const fd = openForReading(path)
  try {
    return native.decodeUtf8(readToEnd(fd, path))
  } finally {
    close(fd)
  }
}

/** Reads a text file, or tells undefined if there is none. @throws {SysError} */
export function findTextFile(path: string): string | undefined {
  try {
    return readTextFile(path)
  } catch (error) {
    if (isSysError(error, "ENOENT", "ENOTDIR")) return undefined
    throw error
  }
}

function writeOpened(path: string, flags: number, mode: number, text: string): void {
  const fd = check(
    retry(() => native.open(path, O_WRONLY | flags, mode)),
    "open",
    path,
  )
  try {
    writeAll(fd, native.encodeUtf8(text), path)
  } finally {
    close(fd)
  }
}

/** Writes to a file that exists, such as one under /proc/sys. @throws {SysError} */
export function writeExistingFile(path: string, text: string): void {
  writeOpened(path, 0, 0, text)
}

/** Writes a file anew, in place: a reader may see it empty or half written. @throws {SysError} */
export function overwriteFile(path: string, text: string): void {
  writeOpened(path, O_CREAT | O_TRUNC | O_NOFOLLOW, 0o600, text)
}

/** Appends to a file, which is created with mode 0600. A link is refused, and a pipe that nobody reads. @throws {SysError} */
export function appendToFile(path: string, text: string): void {
  writeOpened(path, O_CREAT | O_APPEND | O_NOFOLLOW | O_NONBLOCK, 0o600, text)
}

/** Gives a text its place in `folder` under the name `name`, only if that name is free. */
export interface NewFile {
  /** Names the file: true if the name was free and now holds the whole text. May be tried with several names. */
  nameIt(name: string): boolean
  /** Gives up what holds the text; a name given stays. */
  close(): void
}

const TEMPORARY = ".new-"

/** Tells whether a name is one that prepareFile() gives where it needs one: a kill may leave such a file. */
export const isTemporaryName = (name: string): boolean => name.startsWith(TEMPORARY)

/**
 * Writes `text` into a file without a name in `folder` (mode 0600), so that no reader and no crash ever finds it half written.
 * The caller owes a close. File systems without O_TMPFILE (overlayfs before Linux 6.x, NFS) get a file under a temporary
 * name beginning with a dot.
 * @throws {SysError}
 */
export function prepareFile(folder: string, text: string): NewFile {
  const opened = retry(() => native.open(folder, O_WRONLY | O_TMPFILE, 0o600))
  const error = opened < 0 && new SysError("open", -opened, folder)
  if (error && ["EOPNOTSUPP", "EISDIR", "EINVAL"].includes(error.code)) return prepareNamedFile(folder, text)
  if (error) throw error
  const fd = opened as number
  return newFile(fd, `/proc/self/fd/${fd}`, folder, text, () => close(fd))
}

function prepareNamedFile(folder: string, text: string): NewFile {
  const path = `${folder}/${TEMPORARY}${native.getpid()}-${native.clock_gettime(1)}`
  const fd = check(
    retry(() => native.open(path, O_WRONLY | O_CREAT | O_EXCL, 0o600)),
    "open",
    path,
  )
  return newFile(fd, path, folder, text, () => {
    close(fd)
    removeFile(path)
  })
}

function newFile(fd: number, source: string, folder: string, text: string, release: () => void): NewFile {
  try {
    writeAll(fd, native.encodeUtf8(text), folder)
  } catch (error) {
    release()
    throw error
  }
  return {
    nameIt(name) {
      const path = `${folder}/${name}`
      const result = native.linkat(source, path)
      if (result === -17) return false // EEXIST
      check(result, "link", path)
      return true
    },
    close: release,
  }
}

/** Removes a file; true if there was one. @throws {SysError} */
export function removeFile(path: string): boolean {
  try {
    check(native.unlink(path), "unlink", path)
    return true
  } catch (error) {
    if (isSysError(error, "ENOENT", "ENOTDIR")) return false
    throw error
  }
}

/** Renames a file over whatever has the new name. @throws {SysError} */
export function renameFile(from: string, to: string): void {
  check(native.rename(from, to), "rename", `${from} to ${to}`)
}

/** Makes a folder and those above it unless they exist. @throws {SysError} */
export function ensureFolder(path: string, mode = 0o755): void {
  const result = native.mkdir(path, mode)
  if (result === -17) return // EEXIST
  const parent = path.slice(0, path.lastIndexOf("/"))
  if (result !== -2 || parent === "") {
    check(result, "mkdir", path)
    return
  }
  ensureFolder(parent, mode)
  // A folder in which nothing can be made, such as /proc, says that it is not there.
  const again = native.mkdir(path, mode)
  if (again !== -17) check(again, "mkdir", path)
}

/**
 * Lists the names in a folder, in no order, as many at a time as one read gives, "." and ".." among them; none if there is
 * no such folder. Names that come and go meanwhile may or may not be listed.
 * @throws {SysError}
 */
export function* listNames(folder: string): Generator<readonly string[]> {
  const fd = retry(() => native.open(folder, O_DIRECTORY, 0))
  if (fd === -2) return // ENOENT
  check(fd, "open", folder)
  try {
    for (;;) {
      const names = check<string[]>(native.getdents64(fd as number), "getdents64", folder)
      if (names.length === 0) return
      yield names
    }
  } finally {
    close(fd as number)
  }
}

/** Makes a symbolic link whose target is any text; false if the name is taken. @throws {SysError} */
export function createLink(path: string, target: string): boolean {
  const result = native.symlink(target, path)
  if (result === -17) return false // EEXIST
  check(result, "symlink", path)
  return true
}

/** Tells the target of a symbolic link; undefined if there is nothing. @throws {SysError} EINVAL if it is no link */
export function findLink(path: string): string | undefined {
  const target = native.readlink(path)
  return target === -2 ? undefined : check<string>(target, "readlink", path) // ENOENT
}
