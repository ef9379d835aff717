/** Random numbers that are the same in every run (mulberry32). */
export interface Seeded {
  /** An integer from 0 up to but not including `limit`, which is at most 2^32. */
  below(limit: number): number
  pick<T>(list: readonly T[]): T
}

export function seeded(seed: number): Seeded {
  let state = seed
  const next = () => {
    state = (state + 0x6d2b79f5) | 0
    let t = Math.imul(state ^ (state >>> 15), 1 | state)
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
    return (t ^ (t >>> 14)) >>> 0
  }
  const below = (limit: number) => Math.floor((next() / 2 ** 32) * limit)
  return { below, pick: list => list[below(list.length)]! }
}

/** A 32-bit word; edges and small numbers come up far more often than chance would have them. */
export function randomWord(random: Seeded): number {
  const edge = random.pick([0, 0, 1, 0xffff, 0x10000, 0xffff0000, 0xffffffff])
  return random.below(2) ? random.below(2 ** 32) : edge
}
