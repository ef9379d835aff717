/** IP versions and the kernel's numbers for them. */
import { AF_INET, AF_INET6 } from "../netlink/uapi/families.ts"

/** Tells the kernel's number of an IP version. */
export function familyNumber(family: 4 | 6): number {
  return family === 4 ? AF_INET : AF_INET6
}
