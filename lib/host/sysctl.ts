/** Kernel settings under /proc/sys, which shows the network namespace that the process is in. */
import { isSysError } from "../sys/errors.ts"
import { readTextFile, writeExistingFile } from "../sys/files.ts"
import { isTracing, trace } from "../sys/trace.ts"

/** Reads a setting by its path below /proc/sys: "net/ipv4/ip_forward". @throws {SysError} */
export function readSysctl(name: string): string {
  return readTextFile(`/proc/sys/${name}`).trim()
}

/** Reads a setting, or tells undefined where this kernel does not have it (IPv6 may be off). @throws {SysError} */
export function findSysctl(name: string): string | undefined {
  try {
    return readSysctl(name)
  } catch (error) {
    if (isSysError(error, "ENOENT")) return undefined
    throw error
  }
}

/** Writes a setting. @throws {SysError} */
export function writeSysctl(name: string, value: string): void {
  if (isTracing()) trace(`sysctl ${name} = ${value}`)
  writeExistingFile(`/proc/sys/${name}`, value)
}

/** Writes a setting where this kernel has it; false where it has not. @throws {SysError} */
export function writeSysctlIfThere(name: string, value: string): boolean {
  try {
    writeSysctl(name, value)
    return true
  } catch (error) {
    if (isSysError(error, "ENOENT")) return false
    throw error
  }
}

/**
 * Writes a setting if its value differs, so that a read-only /proc/sys where all is right is no obstacle.
 * @returns whether it was written
 * @throws {SysError}
 */
export function ensureSysctl(name: string, value: string): boolean {
  if (readSysctl(name) === value) return false
  writeSysctl(name, value)
  return true
}
