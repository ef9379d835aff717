import { lineTable } from "../sys/streams.ts"

/**
 * Names TypeScript lines in an engine stack: "at add (plugin.js:812:5)" becomes "add (plugins/bridge/bridge.ts:36)".
 * Of the executable's parts only the plugin has a table; build.mjs writes it: a row of source names, then for each bundle line the source's place and line.
 */
export function mapStack(stack: string): string {
  const [sources, ...rows] = lineTable().split("\n")
  const names = (sources ?? "").split(",")
  const frames = stack.split("\n").filter(frame => frame.includes("plugin.js:"))
  return frames
    .slice(0, 6)
    .map(frame => {
      const [, where, line] = /at (.*?) ?\(?plugin\.js:(\d+)/.exec(frame) ?? []
      const [source, sourceLine] = rows[Number(line) - 1]?.split(" ") ?? []
      const place = sourceLine === undefined ? "?" : `${names[Number(source)]}:${sourceLine}`
      return `${where ? `${where} ` : ""}(${place})`
    })
    .join(" < ")
}
