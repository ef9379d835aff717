/**
 * Which reservations are from before this boot: their containers are gone, whatever became of their DEL. Runtimes of today
 * never call GC, so after a reboot such files would fill the pool.
 */

/** 2020-01-01 in milliseconds since 1970: a clock that stands before it has not been set since the node started. */
const EARLIEST_MS = 1_577_836_800_000

/** The node's clocks, in milliseconds. */
export interface Clocks {
  /** Since 1970. */
  readonly wallMs: number
  /** Since the node started. */
  readonly uptimeMs: number
}

/** A file and its last modification, in milliseconds since 1970. */
export interface DatedFile {
  readonly name: string
  readonly modifiedMs: number
}

/** The files from before this boot; none, and the reason, if the clock cannot tell. */
export interface OldFiles {
  readonly names: readonly string[]
  readonly doubt: string | undefined
}

/** Tells which files were last modified before the node started. */
export function findOldFiles(files: readonly DatedFile[], { wallMs, uptimeMs }: Clocks): OldFiles {
  if (wallMs < EARLIEST_MS) return { names: [], doubt: "the node's clock is not set" }
  if (uptimeMs < 0) return { names: [], doubt: "the node started in the future by its clock" }
  const future = files.find(({ modifiedMs }) => modifiedMs > wallMs)
  if (future) return { names: [], doubt: `${future.name} is from the future by the node's clock` }
  const bootMs = wallMs - uptimeMs
  return { names: files.filter(({ modifiedMs }) => modifiedMs < bootMs).map(({ name }) => name), doubt: undefined }
}
