/**
 * Who has an address, in the text of the address's file. The form is the reference plugin's:
 *
 *     <container ID> CR LF <interface>      no line end; white space around it does not count
 *     <container ID>                        before its version 0.8; stands for any interface of that container
 *
 * Such a text is passed around as it is: two are the same owner if they are the same text.
 */

/** One container's interface. */
export interface Holder {
  readonly containerId: string
  readonly ifname: string
}

/** Writes an owner. */
export const formatOwner = ({ containerId, ifname }: Holder): string => `${containerId}\r\n${ifname}`

/** Tells whether a file's text names an owner; that of a file that was never written to its end names none. */
export const isOwner = (text: string): boolean => /^[a-zA-Z0-9][\w.-]*(?:\r\n[^\s/:]+)?$/.test(text)

/** Tells whether a file of the pool's folder can be an address's, by its name alone. */
export const isAddressName = (name: string): boolean => /^[\da-f:][\da-f.:]*[.:][\da-f.:]*$/i.test(name)

/** Tells stale owners: those that none of the valid ones is. An old owner is judged by its container alone. */
export function makeStaleTest(valid: readonly Holder[]): (owner: string) => boolean {
  const owners = new Set([...valid.map(formatOwner), ...valid.map(({ containerId }) => containerId)])
  return owner => !owners.has(owner)
}
