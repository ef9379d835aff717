/** Reads what strace saw of a search through an address pool. */

/** What a process looked at. */
export interface Accesses {
  /** Opened files that are named like an IPv4 address; files made by that open are not looked at and do not count. */
  readonly filesOpened: number
  /** Folders read to their end. */
  readonly foldersRead: number
}

/** Counts in the text of `strace -e trace=open,openat,openat2,getdents64`. @throws Error for a text without any call. */
export function countAccesses(log: string): Accesses {
  const calls = log.split("\n").filter(line => /\b(open|openat|openat2|getdents64)\(/.test(line))
  if (calls.length === 0) throw new Error("strace saw no call at all")
  const isAddress = (line: string) => /"(?:[^"]*\/)?\d+\.\d+\.\d+\.\d+"/.test(line)
  const opened = calls.filter(
    line => isAddress(line) && !line.includes("O_EXCL") && !/O_(TMPFILE|DIRECTORY)/.test(line),
  )
  const ends = calls.filter(line => /getdents64\(.*= 0$/.test(line))
  return { filesOpened: opened.length, foldersRead: ends.length }
}
