/** The few statistics of the bench. Medians everywhere: the machine's hiccups are long and one-sided. */

/** @throws RangeError for no values at all. */
export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b)
  const upper = sorted[sorted.length >> 1]
  const lower = sorted[(sorted.length - 1) >> 1]
  if (upper === undefined || lower === undefined) throw new RangeError("the median of no values")
  return (lower + upper) / 2
}

/** The median of nanoseconds, in milliseconds. */
export function medianMs(ns: readonly number[]): number {
  return median(ns) / 1e6
}
