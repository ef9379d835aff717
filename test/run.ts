/**
 * Runs every test of the project and ends with one line, "N passed, N failed": `npm test [-- PART …]`.
 * Parts that need the whole machine run one test file at a time; the part "kernel" runs under the test kernel.
 */
import { spawnSync } from "node:child_process"
import { existsSync, readFileSync, rmSync } from "node:fs"
import { runJestInKernel } from "./kit/kernel.ts"
import { ensureReference } from "./kit/reference.ts"

interface Part {
  readonly name: string
  readonly jest: readonly string[]
}

const parts: readonly Part[] = [
  { name: "unit", jest: ["test/unit", "test/uapi"] },
  { name: "e2e", jest: ["test/e2e"] },
  { name: "kernel", jest: ["test/kernel"] },
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
async function runPart({ name, jest }: Part): Promise<{ passed: number; failed: number }> {
  const output = `build/tests-${name}.json`
  rmSync(output, { force: true })
  console.log(`\n== ${name}`)
  const args = [...jest, "--json", `--outputFile=${output}`]
  const status = name === "kernel" ? await runInKernel(args) : runHere(args)
  if (!existsSync(output)) return { passed: 0, failed: 1 }
  const summary = JSON.parse(readFileSync(output, "utf8")) as Summary
  const failed = summary.numFailedTests + summary.numPendingTests + summary.numRuntimeErrorTestSuites
  return { passed: summary.numPassedTests, failed: failed || (status === 0 ? 0 : 1) }
}

function runHere(args: readonly string[]): number | null {
  const stdio = ["ignore", "ignore", "inherit"] as const
  return spawnSync("node", ["node_modules/jest/bin/jest.js", ...args], { stdio: [...stdio] }).status
}

/** The test kernel has no network: what its tests compare with is fetched here. */
async function runInKernel(args: readonly string[]): Promise<number | null> {
  try {
    ensureReference("sid")
    const { status, stderr } = await runJestInKernel(args)
    process.stderr.write(stderr)
    return status
  } catch (error) {
    console.error(error)
    return null
  }
}

const wanted = process.argv.slice(2)
const unknown = wanted.filter(name => !parts.some(part => part.name === name))
if (unknown.length > 0) {
  console.error(`no part ${unknown.join(", ")}; parts: ${parts.map(({ name }) => name).join(", ")}`)
  process.exit(2)
}
const results: { passed: number; failed: number }[] = []
for (const part of parts) {
  if (wanted.length === 0 || wanted.includes(part.name)) results.push(await runPart(part))
}
const passed = results.reduce((sum, result) => sum + result.passed, 0)
const failed = results.reduce((sum, result) => sum + result.failed, 0)
console.log(`${passed} passed, ${failed} failed`)
process.exit(failed === 0 && passed > 0 ? 0 : 1)
