/**
 * The container's network namespace, the sandbox. A netlink socket belongs to the namespace it was opened in, so with one in
 * the host's and one in the sandbox ADD reads from top to bottom; only /proc/sys needs the process itself to enter.
 */
import { openRtnl, type Rtnl } from "../rtnl/rtnl.ts"
import { close, openForReading } from "../sys/files.ts"
import { enterNamespace } from "../sys/namespaces.ts"
import { openOwnNamespace } from "./namespace.ts"

/** Routing netlink in the namespace the process is in: lib/cni hands it out, and knows lib/rtnl by this name only. */
export { openRtnl, type Rtnl } from "../rtnl/rtnl.ts"

/** A container's network namespace, borrowed for the length of one verb and opened on first use. */
export class Sandbox {
  /** CNI_NETNS word for word. */
  readonly path: string
  #opened: { readonly fd: number; readonly home: number } | undefined
  #rtnl: Rtnl | undefined

  constructor(path: string) {
    this.path = path
  }

  /** The namespace's descriptor, for requests that put a device into it. @throws {SysError} */
  get fd(): number {
    return this.#open().fd
  }

  /** Routing netlink inside the namespace. @throws {SysError} */
  get rtnl(): Rtnl {
    this.#rtnl ??= this.enter(openRtnl)
    return this.#rtnl
  }

  /** Runs `body` with the process inside the namespace. @throws {SysError} if `path` is no network namespace */
  enter<T>(body: () => T): T {
    const { fd, home } = this.#open()
    enterNamespace(fd, this.path)
    try {
      return body()
    } finally {
      returnHome(home)
    }
  }

  /** Gives the namespace back: an open descriptor or socket keeps it and its devices alive. */
  close(): void {
    this.#rtnl?.close()
    if (this.#opened === undefined) return
    close(this.#opened.fd)
    close(this.#opened.home)
  }

  #open() {
    this.#opened ??= { fd: openForReading(this.path), home: openOwnNamespace() }
    return this.#opened
  }
}

/**
 * Goes back to the host's namespace. setns(2) can lack memory for a moment, and a process that stayed away would take the
 * sandbox for the host when it takes ADD back: so a failure is not the last word.
 */
function returnHome(home: number): void {
  const subject = "the host's network namespace"
  try {
    enterNamespace(home, subject)
  } catch (error) {
    enterNamespace(home, subject)
    throw error
  }
}
