// Address plugins in shell that write down what they were given, and then do what a test says.

import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { join } from "node:path"

/** One call of a fake: everything it was given, to the byte. */
export interface RecordedCall {
  readonly verb: string
  readonly argv: readonly string[]
  readonly env: readonly string[]
  /** Empty where the fake does not read stdin before all else. */
  readonly stdin: string
}

/** Gives one IPv4 address on ADD, and is content with every other verb. */
export const leasing = `[ "$CNI_COMMAND" != ADD ] || printf '{"ips":[{"address":"10.9.0.2/24","gateway":"10.9.0.1"}]}'`

/** What a fake does beside being content. */
export interface Behaviour {
  /** Shell text, run after stdin was read. Absent: `leasing`. */
  readonly body?: string
  /** Stdin is left to `body`. */
  readonly leavesStdin?: boolean
}

/** A folder of fakes, for CNI_PATH. */
export class FakePlugins {
  readonly folder: string

  /** @param folder is made, and the caller's to remove */
  constructor(folder: string) {
    this.folder = folder
    mkdirSync(folder)
  }

  /** Puts a fake into the folder, in place of an earlier one of that name. */
  install(name: string, { body = leasing, leavesStdin = false }: Behaviour = {}): void {
    const calls = this.#calls(name)
    rmSync(calls, { recursive: true, force: true })
    mkdirSync(calls)
    const script = `#!/bin/sh
PATH=/usr/sbin:/usr/bin:/sbin:/bin
n=10; while ! mkdir "${calls}/$n" 2>/dev/null; do n=$((n + 1)); done
cat /proc/$$/environ >"${calls}/$n/env"
cat /proc/$$/cmdline >"${calls}/$n/argv"
${leavesStdin ? "" : `cat >"${calls}/$n/stdin"`}
${body}
`
    writeFileSync(join(this.folder, name), script, { mode: 0o755 })
  }

  /** Lists the calls of a fake since it was installed or last asked, in their order. */
  takeCalls(name: string): RecordedCall[] {
    const calls = this.#calls(name)
    const recorded = readdirSync(calls)
      .toSorted()
      .map(entry => readCall(join(calls, entry)))
    for (const entry of readdirSync(calls)) rmSync(join(calls, entry), { recursive: true })
    return recorded
  }

  #calls(name: string): string {
    return join(this.folder, `.${name}.calls`)
  }
}

function readCall(folder: string): RecordedCall {
  const list = (file: string) => readFileSync(join(folder, file), "latin1").split("\0").slice(0, -1)
  const env = list("env")
  const verb = env.find(each => each.startsWith("CNI_COMMAND="))?.slice("CNI_COMMAND=".length) ?? ""
  const stdin = existsSync(join(folder, "stdin")) ? readFileSync(join(folder, "stdin"), "latin1") : ""
  // The interpreter stands before what the plugin gave as its own name.
  return { verb, env, stdin, argv: list("argv").slice(1) }
}
