/**
 * A line of the bench's table: what was measured for each side, and the score that a bar is about.
 */

/** What the numbers of a row count; it decides how they are written. */
export type Unit = "ms" | "MB" | "MiB" | "1/s" | ""

/** A bar: the most or the least that the score may be. */
export type Bar = { readonly most: number } | { readonly least: number }

/** The number that is judged, e.g. a ratio, and how it is called: "×", "× floor", "ms more". */
export interface Score {
  readonly value: number
  readonly unit: string
  readonly bar?: Bar
}

/** One measured line. */
export interface Row {
  readonly name: string
  readonly unit: Unit
  /** Medians by side ("patchbay", "1.9.1", "floor" …); a side that was not measured is absent. */
  readonly values: Readonly<Record<string, number>>
  readonly score?: Score
}

/** What stands in the place of rows that could not be measured. */
export interface FailedRow {
  readonly name: string
  readonly failure: string
}

export type Verdict = "ok" | "over" | "under" | "FAILED" | ""

/** Says whether a row keeps its bar: "" where there is none. */
export function judge(row: Row | FailedRow): Verdict {
  if ("failure" in row) return "FAILED"
  const { bar, value } = row.score ?? {}
  if (bar === undefined || value === undefined) return ""
  // Written so that NaN never passes.
  if ("most" in bar) return value <= bar.most ? "ok" : "over"
  return value >= bar.least ? "ok" : "under"
}

/** How one side compares with another of the same row: the score's value is `values[of] / values[against]`. */
export interface Comparison {
  readonly of: string
  readonly against: string
  readonly unit: string
  readonly bar?: Bar
}

/** Scores a row by the ratio of two of its values. @throws Error when one of them was not measured. */
export function compare(row: Omit<Row, "score">, { of, against, unit, bar }: Comparison): Row {
  const [value, base] = [row.values[of], row.values[against]]
  if (value === undefined || base === undefined) throw new Error(`${row.name}: ${of} or ${against} was not measured`)
  return { ...row, score: { value: value / base, unit, ...(bar && { bar }) } }
}
