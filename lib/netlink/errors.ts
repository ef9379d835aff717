/** What the kernel says when it refuses a netlink request. */
import { describeErrno, errnoName } from "../sys/errors.ts"

/** Callers of CNI plugins match the words "not found", which must not give way to the kernel's own text. */
const ABSENCE = [2, 3, 6, 19] // ENOENT, ESRCH, ENXIO, ENODEV

/** The kernel refused a request: "RTM_NEWADDR 10.1.0.2/24 dev eth0: EEXIST (address already assigned)". */
export class NetlinkError extends Error {
  override readonly name = "NetlinkError"
  /** The message type and what it was about. */
  readonly request: string
  /** The errno's name. */
  readonly code: string
  /** The kernel's text (extended ACK), else the errno's words. */
  readonly hint: string
  /** The kernel's name of the attribute at fault; "" if it told none. */
  readonly attribute: string
  /** What else was refused of the same batch. */
  others: readonly NetlinkError[] = []

  constructor(request: string, code: string, hint: string, attribute = "") {
    super(`${request}: ${code} (${hint}${attribute && ` at ${attribute}`})`)
    this.request = request
    this.code = code
    this.hint = hint
    this.attribute = attribute
  }
}

/**
 * Makes the error of a refusal.
 * @param text the extended ACK's, "" if there is none
 */
export function refusal(request: string, errno: number, text: string, attribute: string): NetlinkError {
  const words = ABSENCE.includes(errno) ? `not found: ${describeErrno(errno)}` : text || describeErrno(errno)
  const hint = text === "" || words === text ? words : `${words}: ${text}`
  return new NetlinkError(request, errnoName(errno), hint, attribute)
}

/** Tells whether `error` is the kernel's refusal with one of these errno names. */
export function isRefusal(error: unknown, ...codes: string[]): error is NetlinkError {
  return error instanceof NetlinkError && codes.includes(error.code)
}
