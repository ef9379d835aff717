import { lineTable } from "../sys/streams.ts"

/**
 * Names TypeScript lines in an engine stack: "at add (bridge.js:812:5)" becomes "add (plugins/bridge/bridge.ts:36)".
 * build.mjs writes the table: a row of source names, then for each bundle line the source's place and line.
 */
export function mapStack(stack: string): string {
  const [sources, ...rows] = lineTable().split("\n")
  const names = (sources ?? "").split(",")
  const frames = stack.split("\n").filter(frame => frame.includes(".js:"))
  return frames
    .slice(0, 6)
    .map(frame => {
      const [, where, line] = /at (.*?) ?\(?[\w.-]+\.js:(\d+)/.exec(frame) ?? []
      const [source, sourceLine] = (rows[Number(line) - 1] ?? "").split(" ")
      return `${where ? `${where} ` : ""}(${names[Number(source)] ?? "?"}:${sourceLine ?? "?"})`
    })
    .join(" < ")
}
