/**
 * Plans for the runner (run.c says what the directives mean): what to execute in turn, round after round.
 */

/** One process to be timed, or several copies of it at once. `%r` and `%c` in env and stdout are round and copy. */
export interface Step {
  /** Unique in the plan: results are found by it. */
  readonly name: string
  readonly exec: string
  readonly args?: readonly string[]
  /** The whole environment. */
  readonly env?: Readonly<Record<string, string>>
  /** Path of the file to read; absent: nothing. */
  readonly stdin?: string
  /** Path of the file to append to; absent: shown only if the step fails. */
  readonly stdout?: string
  readonly copies?: number
  /** Milliseconds to wait before it starts, untimed, up to twice as long by chance; absent: none. */
  readonly pauseMs?: number
  /** A file that gets a text before the step starts. */
  readonly put?: { readonly path: string; readonly text: string }
}

/** Where, how often and what. */
export interface Plan {
  readonly netns?: string
  readonly mntns?: string
  readonly warmup: number
  readonly rounds: number
  /** Further rounds in which the memory of every process is looked at. */
  readonly memory?: number
  readonly steps: readonly Step[]
}

/** @throws RangeError for a value that the format cannot carry, and for two steps of one name. */
export function formatPlan(plan: Plan): string {
  const names = plan.steps.map(({ name }) => name)
  const double = names.find((name, i) => names.indexOf(name) !== i)
  if (double !== undefined) throw new RangeError(`two steps are called ${double}`)
  const head: [word: string, value: string | number | undefined][] = [
    ["netns", plan.netns],
    ["mntns", plan.mntns],
    ["warmup", plan.warmup],
    ["rounds", plan.rounds],
    ["memory", plan.memory],
  ]
  const lines = [...head, ...plan.steps.flatMap(stepLines)]
  return lines.flatMap(([word, value]) => (value === undefined ? [] : formatLine(word, String(value)))).join("")
}

function stepLines(step: Step): [word: string, value: string | number | undefined][] {
  if (step.put && /\s/.test(step.put.path)) throw new RangeError(`put: ${step.put.path} holds white space`)
  return [
    ["step", step.name],
    ["put", step.put && `${step.put.path} ${step.put.text}`],
    ["exec", step.exec],
    ...(step.args ?? []).map((value): [string, string] => ["arg", value]),
    ...Object.entries(step.env ?? {}).map(([name, value]): [string, string] => ["env", `${name}=${value}`]),
    ["stdin", step.stdin],
    ["stdout", step.stdout],
    ["pause", step.pauseMs],
    ["copies", step.copies],
  ]
}

function formatLine(word: string, value: string): string {
  if (/[\n\0]/.test(value)) throw new RangeError(`${word}: a value of one line is wanted, not ${JSON.stringify(value)}`)
  return `${word} ${value}\n`
}
