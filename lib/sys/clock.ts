import { clock_gettime } from "native"

// uapi/linux/time.h
const CLOCK_REALTIME = 0
const CLOCK_MONOTONIC = 1
const CLOCK_BOOTTIME = 7

/** Tells a time in milliseconds that only goes forward; for deadlines. */
export const now = (): number => clock_gettime(CLOCK_MONOTONIC)

/** Tells the wall clock, in milliseconds since 1970. */
export const wallClock = (): number => clock_gettime(CLOCK_REALTIME)

/** Tells how long the machine has been up, suspended time included, in milliseconds. */
export const uptime = (): number => clock_gettime(CLOCK_BOOTTIME)
