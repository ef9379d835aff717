// Runs a command, usually Jest, as root under a kernel that has every device type the suite uses: User Mode Linux, an
// ordinary process that needs no virtualisation. Tests under test/kernel run there, everything else on the machine's own.
//
// The command sees the machine's root through an overlay (what it writes is dropped), writes for real below the
// repository only, has no network but lo and an empty stdin. One CPU, so Jest runs in band. A round trip costs 0.7 s.
// Kernel: PATCHBAY_TEST_KERNEL, else a neighbouring ../shared/kernel/linux-netlab, else build/kernel/linux, which
// kernel-build.sh makes from Debian's linux-source when nothing else is there.

import { spawn, spawnSync } from "node:child_process"
import { closeSync, existsSync, mkdirSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import type { Outcome } from "./namespaces.ts"
import { repositoryRoot, systemPath } from "./repository.ts"

/** How to run a command under the test kernel. */
export interface KernelOptions {
  /** Absolute; absent: the repository's root. */
  readonly cwd?: string
  /** The whole environment; absent: this process's own. PATCHBAY_IN_KERNEL=1 is added. */
  readonly env?: Readonly<Record<string, string>>
  /** Memory of the kernel in MB; absent: 2048. */
  readonly memoryMb?: number
  /** Absent: 10 minutes. */
  readonly timeoutMs?: number
  /** "inherit" shows the output as it comes instead of returning it; absent: "collect". */
  readonly output?: "collect" | "inherit"
}

/**
 * Returns the test kernel's executable, building it if there is none (ten minutes, once).
 * @throws Error if PATCHBAY_TEST_KERNEL names no file, or the build fails
 */
export function ensureKernel(): string {
  const named = process.env.PATCHBAY_TEST_KERNEL
  if (named !== undefined && !existsSync(named)) throw new Error(`PATCHBAY_TEST_KERNEL: ${named} not found`)
  const root = repositoryRoot()
  const built = join(root, "build", "kernel", "linux")
  const found = [named, join(root, "..", "shared", "kernel", "linux-netlab"), built].find(
    file => file !== undefined && existsSync(file),
  )
  if (found !== undefined) return found
  process.stderr.write("building the test kernel once; this takes about ten minutes\n")
  const script = join(root, "test", "kit", "kernel-build.sh")
  const { status } = spawnSync("sh", [script, join(root, "build", "kernel")], {
    stdio: ["ignore", "inherit", "inherit"],
  })
  if (status !== 0) throw new Error(`${script}: ended with status ${status}`)
  return built
}

/** Runs Jest from the repository's root under the test kernel; `paths` are test files or folders, and further options. */
export function runJestInKernel(paths: readonly string[], options: KernelOptions = {}): Promise<Outcome> {
  const jest = join(repositoryRoot(), "node_modules", "jest", "bin", "jest.js")
  // A cache that outlives the run: /tmp of the test kernel does not.
  const cache = join(repositoryRoot(), "build", "kernel", "jest")
  return runInKernel([process.execPath, jest, "--runInBand", `--cacheDirectory=${cache}`, ...paths], options)
}

/**
 * Runs a command under the test kernel and returns what it left.
 * @throws Error with the end of the kernel's console if the kernel ends without the command's status, or after its time
 */
export async function runInKernel(argv: readonly string[], options: KernelOptions = {}): Promise<Outcome> {
  const kernel = ensureKernel()
  const root = repositoryRoot()
  const parent = join(root, "build", "kernel")
  mkdirSync(parent, { recursive: true })
  const job = mkdtempSync(join(parent, "job-"))
  try {
    writeFileSync(join(job, "command"), commandScript(argv, { cwd: root, ...options }))
    const text = await boot(kernel, job, root, options)
    if (!existsSync(join(job, "status")))
      throw new Error(`${argv.join(" ")}: the kernel ended early\n${lastWords(job)}`)
    return { status: Number(readFileSync(join(job, "status"), "utf8")), signal: null, ...text }
  } finally {
    rmSync(job, { recursive: true })
  }
}

/** Returns the shell script that gives the command its folder, environment and arguments. */
export function commandScript(argv: readonly string[], { cwd = "/", env }: KernelOptions): string {
  const all = { ...(env ?? { ...process.env, PATH: systemPath }), PATCHBAY_IN_KERNEL: "1" }
  const named = Object.entries(all).filter(([name, value]) => /^\w+$/.test(name) && value !== undefined)
  const exports = named.map(([name, value]) => `export ${name}=${quote(value as string)}`)
  return [...exports, `cd ${quote(cwd)} || exit 125`, `exec ${argv.map(quote).join(" ")}`, ""].join("\n")
}

function boot(
  kernel: string,
  job: string,
  share: string,
  { memoryMb = 2048, timeoutMs = 600_000, output = "collect" }: KernelOptions,
): Promise<{ stdout: string; stderr: string }> {
  const consoleFd = openSync(join(job, "console"), "w")
  const serial = output === "inherit" ? "inherit" : "pipe"
  const init = join(share, "test", "kit", "kernel-init.sh")
  const child = spawn(
    kernel,
    [
      ...[`mem=${memoryMb}M`, "seccomp=auto", "root=/dev/root", "rootfstype=hostfs", "rootflags=/", "ro"],
      ...["quiet", "panic=-1", "con=null", "con0=null,fd:3", "ssl=null", "ssl0=null,fd:1", "ssl1=null,fd:2"],
      ...[`uml_dir=${job}`, `patchbay.job=${job}`, `patchbay.share=${share}`, "init=/bin/sh", "--", init],
    ],
    { stdio: ["ignore", serial, serial, consoleFd] },
  )
  closeSync(consoleFd)
  const text = { stdout: "", stderr: "" }
  child.stdout?.setEncoding("utf8").on("data", (chunk: string) => {
    text.stdout += chunk
  })
  child.stderr?.setEncoding("utf8").on("data", (chunk: string) => {
    text.stderr += chunk
  })
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => {
      child.kill("SIGTERM")
      reject(new Error(`test kernel: still running after ${timeoutMs} ms\n${text.stdout}\n${text.stderr}`))
    }, timeoutMs)
    child.once("error", reject)
    child.once("close", () => {
      clearTimeout(timer)
      resolve(text)
    })
  })
}

function lastWords(job: string): string {
  return readFileSync(join(job, "console"), "utf8").split("\n").slice(-40).join("\n")
}

function quote(word: string): string {
  return `'${word.replaceAll("'", "'\\''")}'`
}
