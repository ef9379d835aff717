import { errorName, errorText } from "native"

/** A system call said no: which call, on what, and why in the kernel's name and words. */
export class SysError extends Error {
  override readonly name = "SysError"
  /** The errno's name, for example "ENOENT". */
  readonly code: string
  readonly syscall: string
  /** What the call was about: a path, an address; "" where there is nothing to name. */
  readonly subject: string

  constructor(syscall: string, errno: number, subject: string) {
    const code = errorName(errno)
    super(`${syscall}${subject && ` ${subject}`}: ${describeErrno(errno)} (${code})`)
    this.code = code
    this.syscall = syscall
    this.subject = subject
  }
}

/** Tells an errno in the words that callers match, as Go spells them: "no such file or directory". */
export function describeErrno(errno: number): string {
  const text = errorText(errno)
  return text.charAt(0).toLowerCase() + text.slice(1)
}

/** Tells an errno's name: 2 is "ENOENT". */
export { errorName as errnoName }

/** Numbers that lib/sys itself decides on (asm-generic/errno-base.h, errno.h). */
export const EINTR = 4
export const EAGAIN = 11

/**
 * Returns what a native call gave, or throws what the kernel said.
 * @throws {SysError} if `result` is a negative errno
 */
export function check<T>(result: T | number, syscall: string, subject: string): T {
  if (typeof result === "number" && result < 0) throw new SysError(syscall, -result, subject)
  return result as T
}

/** Calls again for as long as a signal interrupts the call (signal(7)). */
export function retry<T>(call: () => T | number): T | number {
  let result = call()
  while (result === -EINTR) result = call()
  return result
}

/** Tells whether `error` is a system call's refusal with one of these errno names. */
export function isSysError(error: unknown, ...codes: string[]): error is SysError {
  return error instanceof SysError && codes.includes(error.code)
}
