import { setns } from "native"
import { check } from "./errors.ts"

const CLONE_NEWNET = 0x40000000

/**
 * Moves this process into a network namespace (setns(2)); one thread makes entering and leaving safe.
 * @throws {SysError} EINVAL if `fd` is none
 */
export function enterNamespace(fd: number, subject: string): void {
  check(setns(fd, CLONE_NEWNET), "setns", subject)
}
