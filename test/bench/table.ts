/** Prints rows as a table of aligned columns: one column for each side that any row has. */
import { type FailedRow, judge, type Row, type Score, type Unit } from "./row.ts"

const DECIMALS: Record<Unit, number> = { ms: 2, MB: 2, MiB: 2, "1/s": 0, "": 0 }

/** The first columns hold words, the others numbers. */
const WORD_COLUMNS = 2

/** Formats the whole table; the sides' columns come in the order of first appearance. No line ends in a blank. */
export function formatTable(rows: readonly (Row | FailedRow)[]): string {
  const measured = rows.filter((row): row is Row => !("failure" in row))
  const sides = [...new Set(measured.flatMap(row => Object.keys(row.values)))]
  const head = ["what", "unit", ...sides, "score", "bar", ""]
  const lines = rows.map(row => ("failure" in row ? [row.name] : cells(row, sides)))
  const widths = head.map((title, i) => Math.max(title.length, ...lines.map(line => line[i]?.length ?? 0)))
  const format = (line: readonly string[]) => {
    const padded = line.map((cell, i) =>
      i < WORD_COLUMNS ? cell.padEnd(widths[i] ?? 0) : cell.padStart(widths[i] ?? 0),
    )
    return padded.join("  ").trimEnd()
  }
  const body = rows.map((row, i) => {
    const line = lines[i] ?? []
    if (!("failure" in row)) return format(line)
    return `${row.name.padEnd(widths[0] ?? 0)}  FAILED: ${row.failure.trim().replaceAll("\n", "\n    ")}`
  })
  const full = [format(head), ...measured.map(row => format(cells(row, sides)))]
  const rule = "-".repeat(Math.max(...full.map(line => line.length)))
  return [format(head), rule, ...body].join("\n")
}

function cells(row: Row, sides: readonly string[]): string[] {
  const values = sides.map(side => {
    const value = row.values[side]
    return value === undefined ? "" : value.toFixed(DECIMALS[row.unit])
  })
  return [row.name, row.unit, ...values, formatScore(row.score), formatBar(row.score), judge(row)]
}

function formatScore(score: Score | undefined): string {
  return score ? `${formatNumber(score.value)} ${score.unit}`.trim() : ""
}

function formatBar(score: Score | undefined): string {
  if (!score?.bar) return ""
  return "most" in score.bar ? `≤ ${score.bar.most}` : `≥ ${score.bar.least}`
}

const formatNumber = (value: number) => (Number.isInteger(value) ? String(value) : value.toFixed(2))
