// The world of one test: a "host" network namespace, a mount namespace of its own, and container namespaces in it.
//
//   Node ── stdin pipe ──► holder (unshare -n -m sh)     lives until the pipe closes, so a crashed test leaves nothing
//                            ├─ host namespace            lo up, forwarding off
//                            └─ mount namespace           tmpfs on /run, /var/lib/cni, /etc/cni; /sys of the host namespace
//                                 └─ /run/netns/NAME      container namespaces, as a runtime makes them: lo down
//
// A command enters with nsenter (`ip netns exec` would give each call a mount namespace of its own) and costs 3 ms.
// The machine's own network, /run and state folders are never touched; where a folder to be covered does not exist,
// its parent is covered by an overlay instead of creating it. /sys inside has no cgroups, and shows the host namespace
// even to a command that runs in a container namespace; /proc/sys/net follows the command.

import { type ChildProcessWithoutNullStreams, spawn, spawnSync } from "node:child_process"
import { readdirSync, readFileSync, readlinkSync, statSync } from "node:fs"
import { getTool, systemPath } from "./repository.ts"

/** What a finished process left: `status` is null if a signal ended it. */
export interface Outcome {
  readonly status: number | null
  readonly signal: NodeJS.Signals | null
  readonly stdout: string
  readonly stderr: string
}

/** How to run a command. */
export interface RunOptions {
  /** Name of the container namespace to run in; absent: the host namespace. */
  readonly container?: string
  /** What the command reads on stdin; absent: nothing. */
  readonly input?: string | Uint8Array
  /** The whole environment; absent: this process's own. */
  readonly env?: Readonly<Record<string, string>>
  /** Absolute; absent: "/". */
  readonly cwd?: string
  /** Absent: 10 s. */
  readonly timeoutMs?: number
}

/** A process inside a world; `where` is "host" or the container's name. */
export interface WorldProcess {
  readonly pid: number
  readonly where: string
  readonly command: string
}

/** What a world can be asked for at creation. */
export interface WorldOptions {
  /**
   * Duplicate address detection on new links of the host namespace: "off" makes the state after an ADD independent of
   * time, "kernel" leaves the kernel's setting. Container namespaces always keep the kernel's. Absent: "off".
   */
  readonly hostDad?: "off" | "kernel"
}

const setUpScript = `set -e
mount -t tmpfs -o mode=755 tmpfs /run
cover() {
  [ -d "$2" ] || {
    mkdir -p "/run$1/upper" "/run$1/work"
    mount -t overlay -o "lowerdir=$1,upperdir=/run$1/upper,workdir=/run$1/work" overlay "$1"
    mkdir "$2"
  }
  mount -t tmpfs -o mode=755 tmpfs "$2"
}
cover /var/lib /var/lib/cni
cover /etc /etc/cni
mount -t tmpfs -o mode=755 tmpfs /run
mkdir /run/netns /run/lock
mount -t sysfs sysfs /sys
echo 0 >/proc/sys/net/ipv4/ip_forward
[ "$1" = kernel ] || echo 0 >/proc/sys/net/ipv6/conf/default/accept_dad
ip link set lo up
echo ready
read -r end || exit 0
`

const defaultTimeoutMs = 10_000
const maxOutput = 256 << 20

/**
 * Creates a world; the caller owes `remove()`.
 * @throws Error with the set-up's stderr if a namespace or mount is refused (needs root)
 */
export async function createWorld(options: WorldOptions = {}): Promise<World> {
  const argv = ["-n", "-m", "--", "sh", "-c", setUpScript, "sh", options.hostDad ?? "off"]
  const holder = spawn(getTool("unshare"), argv, { cwd: "/", env: { ...process.env, PATH: systemPath } })
  await new Promise<void>((resolve, reject) => {
    let stderr = ""
    holder.stderr.on("data", chunk => {
      stderr += chunk
    })
    holder.once("error", reject)
    holder.once("close", status => reject(new Error(`create world: set-up ended with ${status}: ${stderr.trim()}`)))
    holder.stdout.once("data", () => resolve())
  })
  return new World(holder)
}

/** Runs `body` in a world of its own and removes that world whatever happens. */
export async function withWorld<T>(body: (world: World) => T | Promise<T>, options: WorldOptions = {}): Promise<T> {
  const world = await createWorld(options)
  try {
    return await body(world)
  } finally {
    await world.remove()
  }
}

/** A command did not end in time. */
export class CommandTimeout extends Error {
  override readonly name = "CommandTimeout"

  constructor(what: string, timeoutMs: number, stderr: string) {
    super(`${what}: still running after ${timeoutMs} ms: ${stderr}`)
  }
}

/** The namespaces of one test and the processes in them. */
export class World {
  /** The process whose /proc/PID/root and /proc/PID/ns show this world to the outside. */
  readonly pid: number
  readonly #holder: ChildProcessWithoutNullStreams
  readonly #namespaces = new Map<string, string>()
  readonly #started = new Map<Running, string>()

  constructor(holder: ChildProcessWithoutNullStreams) {
    if (holder.pid === undefined) throw new Error("create world: the holder did not start")
    this.#holder = holder
    this.pid = holder.pid
    this.#namespaces.set(readlinkSync(`/proc/${this.pid}/ns/net`), "host")
    holder.unref()
    for (const pipe of [holder.stdin, holder.stdout, holder.stderr]) (pipe as unknown as { unref(): void }).unref()
  }

  /** Returns the names of the container namespaces, in the order of their creation. */
  containers(): string[] {
    return [...this.#namespaces.values()].slice(1)
  }

  /** Returns where this world's `path` is to be found from outside. */
  outside(path: string): string {
    return `/proc/${this.pid}/root${path}`
  }

  /** Creates a container namespace and returns its path inside this world, as a runtime would pass it in CNI_NETNS. */
  addContainer(name: string): string {
    this.output(["ip", "netns", "add", name])
    const path = containerPath(name)
    this.#namespaces.set(`net:[${statSync(this.outside(path)).ino}]`, name)
    return path
  }

  /**
   * Removes a container namespace and the processes in it, as a runtime would, and waits until the kernel has taken
   * away its links' other ends.
   */
  removeContainer(name: string): void {
    const entry = [...this.#namespaces].find(([, known]) => known === name)
    if (entry === undefined) return
    this.killProcesses(name)
    const listed: { name: string; id?: number }[] = JSON.parse(this.output(["ip", "-j", "netns", "list"]) || "[]")
    const id = listed.find(namespace => namespace.name === name)?.id
    // By their own numbers: the kernel forgets the namespace's before it takes the links away.
    const doomed = id === undefined ? [] : this.#links().filter(({ link_netnsid }) => link_netnsid === id)
    const hasGone = () => this.#links().every(link => doomed.every(({ ifindex }) => ifindex !== link.ifindex))
    if (listed.some(namespace => namespace.name === name)) this.output(["ip", "netns", "delete", name])
    this.#namespaces.delete(entry[0])
    if (doomed.length > 0) waitUntil(`links into ${name} to go`, hasGone, defaultTimeoutMs)
  }

  #links(): { ifindex: number; link_netnsid?: number }[] {
    return JSON.parse(this.output(["ip", "-j", "link", "show"]))
  }

  /**
   * Runs a command to its end and returns what it left.
   * @throws CommandTimeout if it outlives its time or leaves a child that holds its output open; it has been killed
   */
  run(argv: readonly string[], options: RunOptions = {}): Outcome {
    const timeoutMs = options.timeoutMs ?? defaultTimeoutMs
    const done = spawnSync(getTool("nsenter"), [...this.#entrance(options), ...argv], {
      input: options.input ?? "",
      env: options.env ?? { ...process.env, PATH: systemPath },
      timeout: timeoutMs,
      killSignal: "SIGKILL",
      maxBuffer: maxOutput,
      encoding: "utf8",
    })
    const code = (done.error as NodeJS.ErrnoException | undefined)?.code
    if (code === "ETIMEDOUT") throw new CommandTimeout(inWords(argv), timeoutMs, done.stderr)
    // EPIPE: the command need not read its stdin.
    if (done.error !== undefined && code !== "EPIPE") throw done.error
    return { status: done.status, signal: done.signal, stdout: done.stdout, stderr: done.stderr }
  }

  /**
   * Runs a command that must succeed and returns its stdout.
   * @throws Error with its status and stderr if it does not
   */
  output(argv: readonly string[], options: RunOptions = {}): string {
    const { status, signal, stdout, stderr } = this.run(argv, options)
    if (status !== 0) throw new Error(`${inWords(argv)}: status ${status ?? signal}: ${stderr.trim()}`)
    return stdout
  }

  /** Starts a command in a process group of its own; without `timeoutMs` it may run until the world is removed. */
  start(argv: readonly string[], options: RunOptions = {}): Running {
    const child = spawn(getTool("nsenter"), [...this.#entrance(options), ...argv], {
      env: options.env ?? { ...process.env, PATH: systemPath },
      detached: true,
    })
    const running = new Running(inWords(argv), child, options)
    this.#started.set(running, options.container ?? "host")
    const forget = () => this.#started.delete(running)
    running.done.then(forget, forget)
    return running
  }

  /** Lists the processes in this world's network namespaces, the holder left out. */
  processes(): WorldProcess[] {
    const list: WorldProcess[] = []
    for (const entry of readdirSync("/proc")) {
      const pid = Number(entry)
      if (!Number.isInteger(pid) || pid === this.pid) continue
      const where = this.#namespaceOf(pid)
      const command = where === undefined ? "" : commandLine(pid)
      // One that is just ending has no command line any more.
      if (where !== undefined && command !== "") list.push({ pid, where, command })
    }
    return list
  }

  #namespaceOf(pid: number): string | undefined {
    return ifAlive(() => this.#namespaces.get(readlinkSync(`/proc/${pid}/ns/net`)))
  }

  /** Ends the processes in one namespace of this world ("host" or a container's name; absent: in all of them). */
  killProcesses(where?: string): void {
    const isMeant = (place: string) => where === undefined || place === where
    // One that was started a moment ago may still be on its way in.
    const started = [...this.#started].filter(([, place]) => isMeant(place)).map(([running]) => running.pid)
    for (const pid of started) ifAlive(() => process.kill(-pid, "SIGKILL"))
    waitUntil("processes of the world to end", () => {
      const living = this.processes().filter(process => isMeant(process.where))
      for (const { pid } of living) ifAlive(() => process.kill(pid, "SIGKILL"))
      return living.length === 0 && started.every(hasEnded)
    })
  }

  /** Ends every process in this world and lets its namespaces go; a second call does nothing. */
  async remove(): Promise<void> {
    if (this.#holder.exitCode !== null || this.#holder.signalCode !== null) return
    this.killProcesses()
    this.#holder.ref()
    const closed = new Promise(resolve => this.#holder.once("close", resolve))
    this.#holder.stdin.end()
    await closed
  }

  #entrance({ container, cwd }: RunOptions): string[] {
    const net = container === undefined ? `/proc/${this.pid}/ns/net` : this.outside(containerPath(container))
    const folder = cwd === undefined ? [] : [`--wdns=${cwd}`]
    return [`--mount=/proc/${this.pid}/ns/mnt`, `--net=${net}`, ...folder, "--"]
  }
}

/** A started command. */
export class Running {
  readonly pid: number
  /** Settles when the command has ended and its output is complete; rejects if `timeoutMs` passed first. */
  readonly done: Promise<Outcome>
  readonly #what: string
  readonly #child: ChildProcessWithoutNullStreams
  #stdout = ""
  #stderr = ""
  #ended = false

  constructor(what: string, child: ChildProcessWithoutNullStreams, options: RunOptions) {
    if (child.pid === undefined) throw new Error(`${what}: did not start`)
    this.pid = child.pid
    this.#what = what
    this.#child = child
    child.stdout.setEncoding("utf8").on("data", (text: string) => {
      this.#stdout += text
    })
    child.stderr.setEncoding("utf8").on("data", (text: string) => {
      this.#stderr += text
    })
    child.stdin.on("error", ignoreEpipe).end(options.input ?? "")
    this.done = this.#whenClosed(options.timeoutMs)
    // A rejection is for whoever awaits `done`; without this, a command that nobody awaits would end the test run.
    this.done.catch(() => undefined)
  }

  #whenClosed(timeoutMs: number | undefined): Promise<Outcome> {
    return new Promise((resolve, reject) => {
      const giveUp = () => {
        this.#child.once("exit", () => reject(new CommandTimeout(this.#what, timeoutMs ?? 0, this.#stderr)))
        this.kill("SIGKILL")
      }
      const timer = timeoutMs === undefined ? undefined : setTimeout(giveUp, timeoutMs)
      this.#child.once("error", reject)
      this.#child.once("close", (status, signal) => {
        clearTimeout(timer)
        this.#ended = true
        resolve({ status, signal, stdout: this.#stdout, stderr: this.#stderr })
      })
    })
  }

  /** Sends a signal to the command and to what it started in its process group; a command that has ended stays so. */
  kill(signal: NodeJS.Signals): void {
    ifAlive(() => process.kill(-this.pid, signal))
  }

  /**
   * Waits until stdout and stderr together hold `pattern`.
   * @throws Error if the command ends first or the deadline passes
   */
  waitForOutput(pattern: RegExp, deadlineMs = defaultTimeoutMs): Promise<string> {
    return new Promise((resolve, reject) => {
      const finish = (act: () => void) => {
        clearTimeout(timer)
        for (const pipe of [this.#child.stdout, this.#child.stderr]) pipe.off("data", look)
        this.#child.off("close", onClose)
        act()
      }
      const missing = (why: string) => reject(new Error(`${this.#what}: ${why} before ${pattern}: ${this.#text()}`))
      const onClose = () => finish(() => missing("ended"))
      const look = () => {
        if (pattern.test(this.#text())) finish(() => resolve(this.#text()))
        else if (this.#ended) onClose()
      }
      const timer = setTimeout(() => finish(() => missing(`${deadlineMs} ms passed`)), deadlineMs)
      for (const pipe of [this.#child.stdout, this.#child.stderr]) pipe.on("data", look)
      this.#child.once("close", onClose)
      look()
    })
  }

  #text(): string {
    return this.#stdout + this.#stderr
  }
}

/** Returns a container namespace's path inside its world. */
export function containerPath(name: string): string {
  return `/run/netns/${name}`
}

/**
 * Blocks until `condition` holds, looking every 2 ms.
 * @throws Error naming `what` was awaited, after `deadlineMs`
 */
export function waitUntil(what: string, condition: () => boolean, deadlineMs = 5_000): void {
  const end = performance.now() + deadlineMs
  const cell = new Int32Array(new SharedArrayBuffer(4))
  while (!condition()) {
    if (performance.now() > end) throw new Error(`waited ${deadlineMs} ms for ${what}`)
    Atomics.wait(cell, 0, 0, 2)
  }
}

function inWords(argv: readonly string[]): string {
  return argv.map(word => (word.length > 60 ? `${word.slice(0, 59).replaceAll("\n", " ")}…` : word)).join(" ")
}

function commandLine(pid: number): string {
  const text = ifAlive(() => readFileSync(`/proc/${pid}/cmdline`, "utf8")) ?? ""
  return text.replace(/\0$/, "").replaceAll("\0", " ")
}

/** A process that has given up its namespaces has ended, though its parent may not have looked yet. */
function hasEnded(pid: number): boolean {
  return ifAlive(() => readlinkSync(`/proc/${pid}/ns/net`)) === undefined
}

/** Returns undefined where a process has ended, or belongs to someone else, between listing and looking. */
function ifAlive<T>(look: () => T): T | undefined {
  try {
    return look()
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (code === "ENOENT" || code === "ESRCH" || code === "EACCES" || code === "EPERM") return undefined
    throw error
  }
}

function ignoreEpipe(error: NodeJS.ErrnoException): void {
  if (error.code !== "EPIPE") throw error
}
