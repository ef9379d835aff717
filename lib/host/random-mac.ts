import { localMac } from "../net/mac.ts"
import { randomBytes } from "../sys/streams.ts"

/** Makes up a unicast, locally administered MAC address. */
export const randomMac = (): Uint8Array => localMac(randomBytes(6))
