/** Network namespaces by path. */
import { findStatus, openForReading } from "../sys/files.ts"

const OWN_NAMESPACE = "/proc/self/ns/net"

/** What a CNI_NETNS names. */
export type NamespaceKind = "foreign" | "own" | "absent" | "not a namespace"

/** Tells what a path names, without opening it: all namespaces lie on one file system, each with an inode of its own. */
export function classifyNamespace(path: string): NamespaceKind {
  const status = findStatus(path)
  if (status === undefined) return "absent"
  const own = findStatus(OWN_NAMESPACE)
  if (status.device !== own?.device) return "not a namespace"
  return status.inode === own.inode ? "own" : "foreign"
}

/** Opens the namespace that the process is in. The caller owes a close. @throws {SysError} */
export const openOwnNamespace = (): number => openForReading(OWN_NAMESPACE)
