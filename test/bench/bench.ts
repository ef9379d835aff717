/**
 * The bench: our plugins and the reference's, in turn in one run, whole processes on a real kernel. Prints medians,
 * ratios and whether each bar is kept. Ends with status 1 if something could not be measured, not if a bar is missed:
 * a busy machine must not look like a broken one.
 *
 *   bench.ts      options, the subjects, the output
 *   sections.ts   the list of what is measured; plugins, attach, burst and full-pool measure it
 *   stage.ts      namespaces and a folder to measure in
 *   run.c         starts the processes and takes the times, driven by a plan (plan.ts, runner.ts)
 */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import os from "node:os"
import path from "node:path"
import yargs from "yargs"
import { hideBin } from "yargs/helpers"
import { ensureReference } from "../kit/reference.ts"
import { pluginFolder } from "../kit/repository.ts"
import { type FailedRow, judge, type Row } from "./row.ts"
import { benchFolder } from "./runner.ts"
import { type Section, sections } from "./sections.ts"
import { withStage } from "./stage.ts"
import { type Bench, createSubject } from "./subject.ts"
import { formatTable } from "./table.ts"

const options = yargs(hideBin(process.argv))
  .scriptName("npm run bench --")
  .usage("$0 [options]\n\nMeasures patchbay's plugins against the reference's.")
  .option("rounds", { type: "number", default: 200, describe: "counted rounds of a quick row; slow rows take fewer" })
  .option("only", {
    type: "string",
    array: true,
    choices: [...new Set(sections.map(({ name }) => name))],
    describe: "sections to run",
  })
  .option("ours", { type: "string", default: pluginFolder(), describe: "folder of the plugins to measure" })
  .option("json", { type: "string", describe: "file that gets the figures as JSON" })
  .check(({ rounds }) => (Number.isInteger(rounds) && rounds >= 1) || "--rounds: a whole number from 1 on")
  .strict()
  .parseSync()

function chooseSubjects(folder: string): Bench {
  const [sid, bookworm] = [ensureReference("sid"), ensureReference("bookworm")]
  const ours = createSubject({ name: "patchbay", origin: path.resolve(options.ours), slot: 0 }, folder)
  const reference = createSubject({ name: sid.version, origin: sid.directory, slot: 1 }, folder)
  const older = createSubject({ name: bookworm.version, origin: bookworm.directory, slot: 2 }, folder)
  return { ours, reference, older, rounds: options.rounds }
}

async function measure(bench: Bench, { title, measure }: Section): Promise<(Row | FailedRow)[]> {
  const containers = [bench.ours.name, bench.reference.name, bench.older.name, "floor"]
  try {
    return await withStage(containers, stage => measure(bench, stage))
  } catch (error) {
    return [{ name: title, failure: error instanceof Error ? error.message : String(error) }]
  }
}

async function measureAll(): Promise<(Row | FailedRow)[]> {
  const folder = mkdtempSync(path.join(benchFolder(), "subjects-"))
  const rows: (Row | FailedRow)[] = []
  try {
    const bench = chooseSubjects(folder)
    for (const section of sections.filter(({ name }) => options.only?.includes(name) ?? true)) {
      process.stderr.write(`${section.title} ...\n`)
      rows.push(...(await measure(bench, section)))
    }
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
  return rows
}

const rows = await measureAll()
const cpus = `${os.availableParallelism()} × ${os.cpus()[0]?.model.trim()}`
const machine = `Linux ${os.release()}, ${cpus}, load ${os.loadavg()[0]?.toFixed(2)}`
console.log(`${machine}; medians, ${options.rounds} rounds\n\n${formatTable(rows)}\n`)
const verdicts = rows.map(judge)
const missed = verdicts.filter(verdict => verdict === "over" || verdict === "under").length
console.log(`${verdicts.filter(verdict => verdict === "ok").length} bars kept, ${missed} missed`)
if (options.json)
  writeFileSync(options.json, `${JSON.stringify({ machine, rounds: options.rounds, rows }, undefined, 2)}\n`)
if (verdicts.includes("FAILED")) process.exitCode = 1
