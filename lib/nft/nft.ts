/**
 * nf_tables over netlink: the packet filter and NAT of one network namespace, by one socket, without an `nft` process.
 *
 *     const nft = openNft()
 *     nft.transaction(t => {
 *       t.ensureTable(table)
 *       t.ensureChain(checks)
 *       t.addRule(checks, [is(saddr(4), address), isNot(daddr(4), subnet), masquerade()], { comment })
 *     })
 *
 * A transaction costs the kernel 30 µs, but some things wait for its RCU, 5–30 ms: a transaction that is refused or only rehearsed,
 * and close(), or the process's end, after something was removed or flushed. So ADD does not flush what it shares with others;
 * it adds what is its own, and only where that is refused with ENOENT it makes the shared things first. DEL removes rules
 * before links, which wait for RCU as well, and closes last.
 */
import { isRefusal, NetlinkError } from "../netlink/errors.ts"
import { type NetlinkSocket, openNetlink } from "../netlink/socket.ts"
import { NETLINK_NETFILTER } from "../netlink/uapi/nfnetlink.ts"
import { findTextFile } from "../sys/files.ts"
import { Ruleset } from "./ruleset.ts"
import { Transaction } from "./transaction.ts"

/** How often a transaction is planned. With a hundred plugins at work on two cores one in three loses a race. */
const ATTEMPTS = 32

/** The ruleset of a network namespace, as long as it is not closed: an open one keeps the namespace alive. */
export class Nft {
  readonly #socket: NetlinkSocket
  readonly ruleset: Ruleset
  #canDestroy: boolean | undefined

  constructor(socket: NetlinkSocket) {
    this.#socket = socket
    this.ruleset = new Ruleset(socket)
  }

  /**
   * Makes the changes of a plan all together, and returns what the plan returns. A plan that adds no change changes nothing.
   * @param plan is called again if the ruleset became another one since it looked through `current`
   * @throws {NetlinkError} the first refusal, with `others`; EAGAIN if the ruleset never stood still
   */
  transaction<T>(plan: (t: Transaction) => T): T {
    for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
      const t = new Transaction(this.ruleset, this.#mayDestroy)
      const result = plan(t)
      const refusals = t.commit(this.#socket)
      const [first, ...others] = refusals.map(({ error }) => error)
      if (first === undefined) return result
      if (!t.isOutdated(refusals)) {
        first.others = others
        throw first
      }
      if (refusals.some(({ error }) => isRefusal(error, "EINVAL"))) this.#canDestroy = false
    }
    const hint = `the ruleset changed during each of ${ATTEMPTS} attempts`
    throw new NetlinkError("nf_tables transaction", "EAGAIN", hint)
  }

  /** Has the kernel check a plan without making its changes; takes milliseconds. @returns the first refusal */
  rehearse(plan: (t: Transaction) => void): NetlinkError | undefined {
    const t = new Transaction(this.ruleset, this.#mayDestroy)
    plan(t)
    return t.rehearse(this.#socket)[0]?.error
  }

  readonly #mayDestroy = (): boolean => {
    this.#canDestroy ??= isAtLeast(findTextFile("/proc/sys/kernel/osrelease") ?? "", 6, 3)
    return this.#canDestroy
  }

  close(): void {
    this.#socket.close()
  }
}

/** Compares the version that a kernel release begins with: "6.1.0-13-amd64". */
function isAtLeast(release: string, major: number, minor: number): boolean {
  const [own = 0, part = 0] = release.split(".").map(text => Number.parseInt(text, 10))
  return own > major || (own === major && part >= minor)
}

/**
 * Opens the network namespace that the process is in; it stays that one wherever the process goes.
 * The caller owes a close.
 * @throws {SysError} where the kernel has no netfilter netlink
 */
export function openNft(): Nft {
  return new Nft(openNetlink(NETLINK_NETFILTER))
}
