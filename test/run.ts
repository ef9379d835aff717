/**
 * Runs every test of the project and ends with one line, "N passed, N failed": `npm test [-- PART …]`.
 * Parts that need the whole machine run one test file at a time.
 */
import { spawnSync } from "node:child_process"
import { existsSync, readFileSync, rmSync } from "node:fs"

interface Part {
  readonly name: string
  readonly jest: readonly string[]
}

const parts: readonly Part[] = [
  { name: "unit", jest: ["test/unit", "test/uapi"] },
  { name: "e2e", jest: ["test/e2e"] },
  { name: "kernel", jest: ["test/kernel", "--runInBand"] },
  { name: "faults", jest: ["test/faults", "--runInBand"] },
]

interface Summary {
  readonly numPassedTests: number
  readonly numFailedTests: number
  readonly numPendingTests: number
  readonly numFailedTestSuites: number
  readonly numRuntimeErrorTestSuites: number
}

/** Runs one part. A test that did not run, or a file that did not load, counts as failed. */
function runPart({ name, jest }: Part): { passed: number; failed: number } {
  const output = `build/tests-${name}.json`
  rmSync(output, { force: true })
  console.log(`\n== ${name}`)
  const args = ["node_modules/jest/bin/jest.js", ...jest, "--json", `--outputFile=${output}`]
  const { status } = spawnSync("node", args, { stdio: ["ignore", "ignore", "inherit"] })
  if (!existsSync(output)) return { passed: 0, failed: 1 }
  const summary = JSON.parse(readFileSync(output, "utf8")) as Summary
  const failed = summary.numFailedTests + summary.numPendingTests + summary.numRuntimeErrorTestSuites
  return { passed: summary.numPassedTests, failed: failed || (status === 0 ? 0 : 1) }
}

const wanted = process.argv.slice(2)
const unknown = wanted.filter(name => !parts.some(part => part.name === name))
if (unknown.length > 0) {
  console.error(`no part ${unknown.join(", ")}; parts: ${parts.map(({ name }) => name).join(", ")}`)
  process.exit(2)
}
const results = parts.filter(({ name }) => wanted.length === 0 || wanted.includes(name)).map(runPart)
const passed = results.reduce((sum, result) => sum + result.passed, 0)
const failed = results.reduce((sum, result) => sum + result.failed, 0)
console.log(`${passed} passed, ${failed} failed`)
process.exit(failed === 0 && passed > 0 ? 0 : 1)
