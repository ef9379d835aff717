/** flock(2) with a deadline: first without waiting, then blocked in the kernel until a timer's signal ends the wait. */
import * as native from "native"
import { now } from "./clock.ts"
import { check, EAGAIN, EINTR, retry } from "./errors.ts"
import { close } from "./files.ts"

const LOCK_EX = 2
const LOCK_NB = 4
const O_CREAT = 0o100

/** Another process kept the lock for longer than the deadline. */
export class LockTimeout extends Error {
  override readonly name = "LockTimeout"
}

/**
 * Runs `body` while holding the whole-file exclusive lock of `path`, which is created if it is missing.
 * The lock excludes every program that locks the same file by flock(2).
 * @param path the lock file; its folder exists
 * @param mode of the lock file, if it is created
 * @throws {LockTimeout} if another process holds it for `timeoutMs`
 * @throws {SysError}
 */
export function withLock<T>(path: string, timeoutMs: number, body: () => T, mode = 0o600): T {
  const fd = check(
    retry(() => native.open(path, O_CREAT, mode)),
    "open",
    path,
  )
  try {
    lock(fd, path, timeoutMs)
    return body()
  } finally {
    close(fd) // which unlocks
  }
}

function lock(fd: number, path: string, timeoutMs: number): void {
  const first = native.flock(fd, LOCK_EX | LOCK_NB)
  if (first !== -EAGAIN && first !== -EINTR) {
    check(first, "flock", path)
    return
  }
  const deadline = now() + timeoutMs
  try {
    for (;;) {
      const left = deadline - now()
      if (left <= 0) throw new LockTimeout(`lock ${path} is still held by another process after ${timeoutMs} ms`)
      native.setitimer(Math.ceil(left))
      const result = native.flock(fd, LOCK_EX)
      if (result === -EINTR) continue
      check(result, "flock", path)
      return
    }
  } finally {
    native.setitimer(0)
  }
}
