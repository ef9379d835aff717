// Many short calls in one world, each with the cost of one process: a shell inside the world runs them one after another.

import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import type { World } from "../kit/namespaces.ts"
import { type Answer, environment, type Invocation } from "../kit/plugin.ts"
import { pluginFolder } from "../kit/repository.ts"

/** One call of a batch: which plugin does what with which text. */
export interface BatchCall {
  readonly plugin: string
  readonly verb: string
  readonly stdin: string | Uint8Array
}

/** Relative paths of a configuration lead into the world, never into the machine. */
const script = `
mkdir -p /run/batch && cd /run/batch || exit
while [ $# -gt 0 ]; do
  CNI_COMMAND=$1 "$2" <"$3" >"$3.out" 2>"$3.err"
  echo $? >"$3.status"
  shift 3
done
cd / && rmdir /run/batch`

/**
 * Runs calls in order in the host namespace of `world`, all with the parameters of `common`.
 * @throws CommandTimeout if all of them together outlive `common.timeoutMs`
 */
export function runBatch(
  world: World,
  common: Omit<Invocation, "plugin" | "config">,
  calls: readonly BatchCall[],
): Answer[] {
  const folder = mkdtempSync(join(tmpdir(), "patchbay-batch-"))
  const { folder: plugins = pluginFolder(), timeoutMs = 5_000 } = common
  try {
    const args = calls.flatMap(({ plugin, verb, stdin }, i) => {
      writeFileSync(join(folder, `${i}`), stdin)
      return [verb, join(plugins, plugin), join(folder, `${i}`)]
    })
    const env = environment({ ...common, plugin: "", config: "" })
    world.output(["sh", "-c", script, "sh", ...args], { env, timeoutMs })
    return calls.map((call, i) => readAnswer(call, join(folder, `${i}`)))
  } finally {
    rmSync(folder, { recursive: true })
  }
}

function readAnswer({ plugin, verb }: BatchCall, file: string): Answer {
  const word = Number(readFileSync(`${file}.status`, "utf8"))
  const stdout = readFileSync(`${file}.out`, "utf8")
  // A shell tells a signal as 128 + its number.
  const end =
    word > 128 ? { status: null, signal: `signal ${word - 128}` as NodeJS.Signals } : { status: word, signal: null }
  return { ...end, stdout, stderr: readFileSync(`${file}.err`, "utf8"), what: `${plugin} ${verb}`, json: parse(stdout) }
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch (error) {
    if (error instanceof SyntaxError) return undefined
    throw error
  }
}
