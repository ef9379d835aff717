/**
 * A stand-in for the module "native" with a small kernel behind it: files, namespaces, programs, a clock that stands
 * still. To be imported for its effect before anything of lib/ is, for it registers itself as the module:
 *
 *     import "../../kit/fake-native.ts"
 *
 * A test changes the state of `fake`, may script the next answers of single calls, and looks at what was called.
 */
import { FakeFiles } from "./fake-files.ts"

type Native = typeof import("native")
type Call = keyof Omit<Native, "closedAtStart">

/** A program that a test puts in place of an executable: what it prints, and how it ends. */
export type Program = (call: { argv: string[]; env: Map<string, string>; stdin: string }) => {
  readonly stdout?: string
  /** Exit status; 0 if absent. */
  readonly status?: number
  /** The signal that ends it. */
  readonly signal?: number
}

/** exit(2) of the fake: unwinds to the test. */
export class Exited extends Error {
  readonly status: number

  constructor(status: number) {
    super(`exit with status ${status}`)
    this.status = status
  }
}

/** glibc's strerrorname_np(3) and strerrordesc_np(3). */
const ERRNOS: Readonly<Record<number, readonly [name: string, text: string]>> = {
  1: ["EPERM", "Operation not permitted"],
  2: ["ENOENT", "No such file or directory"],
  3: ["ESRCH", "No such process"],
  4: ["EINTR", "Interrupted system call"],
  5: ["EIO", "Input/output error"],
  9: ["EBADF", "Bad file descriptor"],
  11: ["EAGAIN", "Resource temporarily unavailable"],
  13: ["EACCES", "Permission denied"],
  17: ["EEXIST", "File exists"],
  20: ["ENOTDIR", "Not a directory"],
  21: ["EISDIR", "Is a directory"],
  22: ["EINVAL", "Invalid argument"],
  24: ["EMFILE", "Too many open files"],
  28: ["ENOSPC", "No space left on device"],
  32: ["EPIPE", "Broken pipe"],
  36: ["ENAMETOOLONG", "File name too long"],
  92: ["ENOPROTOOPT", "Protocol not available"],
  95: ["EOPNOTSUPP", "Operation not supported"],
  105: ["ENOBUFS", "No buffer space available"],
}

const POLLIN = 1

class FakeNative {
  files = new FakeFiles()
  readonly programs = new Map<string, Program>()
  environment: Record<string, string> = {}
  /** What is to be read from stdin, a read at a time. */
  stdin: string[] = []
  stdout = ""
  stderr = ""
  /** Milliseconds, the same for every clock. */
  clock = 0
  closedAtStart = 0
  lineTable = ""
  /** Every call but those that only convert: its name and what it was given. */
  calls: [name: Call, ...given: unknown[]][] = []
  #script = new Map<Call, unknown[]>()
  #ended = new Map<number, number>()

  /** Puts everything back as it was. */
  reset(): void {
    Object.assign(this, new FakeNative())
    this.#script = new Map()
    this.#ended = new Map()
  }

  /** Gives the next answers of a call: values, or functions of what it is given. After them it works as usual. */
  script(name: Call, ...replies: unknown[]): void {
    this.#script.set(name, [...(this.#script.get(name) ?? []), ...replies])
  }

  /** Starts the process with one of the descriptors 0 to 2 closed. */
  startWithout(fd: 0 | 1 | 2): void {
    this.closedAtStart |= 1 << fd
  }

  /** Tells what calls of one name were given. */
  given(name: Call): unknown[][] {
    return this.calls.filter(call => call[0] === name).map(([, ...given]) => given)
  }

  /** Tells the names of the calls made, closing left out. */
  get names(): Call[] {
    return this.calls.map(([name]) => name).filter(name => name !== "close")
  }

  /** Answers a call: as the script says, else by the kernel. */
  answer(name: Call, usual: (...given: never[]) => unknown, given: unknown[]): unknown {
    if (!PURE.includes(name)) this.calls.push([name, ...given])
    const replies = this.#script.get(name)
    if (replies === undefined || replies.length === 0) return usual(...(given as never[]))
    const reply = replies.shift()
    return typeof reply === "function" ? reply(...given) : reply
  }

  read(fd: number, into: Uint8Array): number {
    if (fd !== 0 || this.files.isOpen(0)) return this.files.read(fd, into)
    const next = this.stdin.shift() ?? ""
    const bytes = Buffer.from(next)
    into.set(bytes.subarray(0, into.length))
    if (bytes.length > into.length) this.stdin.unshift(bytes.subarray(into.length).toString())
    return Math.min(bytes.length, into.length)
  }

  write(fd: number, from: Uint8Array): number {
    if (fd === 1) this.stdout += Buffer.from(from).toString()
    else if (fd === 2) this.stderr += Buffer.from(from).toString()
    else return this.files.write(fd, from)
    return from.length
  }

  /** Runs a program at once, from memory to the pipe. */
  spawn(path: string, argv: string[], env: string[], stdin: number, stdout: number): number {
    const program = this.programs.get(path)
    if (program === undefined) return -2
    const variables = new Map(env.map(text => [text.slice(0, text.indexOf("=")), text.slice(text.indexOf("=") + 1)]))
    const outcome = program({ argv, env: variables, stdin: this.files.textOf(stdin) })
    this.files.write(stdout, Buffer.from(outcome.stdout ?? ""))
    const pid = 1000 + this.#ended.size
    this.#ended.set(pid, outcome.signal ?? (outcome.status ?? 0) << 8)
    return pid
  }

  waitpid(pid: number): number {
    return this.#ended.get(pid) ?? -10
  }
}

/** Calls that only convert or tell what a test has set. */
const PURE: readonly Call[] = [
  "errorName",
  "errorText",
  "decodeUtf8",
  "encodeUtf8",
  "lineTable",
  "environ",
  "clock_gettime",
]

/** The kernel of this test file. */
export const fake = new FakeNative()

const kernel: Omit<Native, "closedAtStart"> = {
  open: (path, flags) => fake.files.open(path, flags),
  close: fd => fake.files.close(fd),
  read: (fd, into) => fake.read(fd, into),
  write: (fd, from) => fake.write(fd, from),
  lseek: (fd, offset) => fake.files.seek(fd, offset),
  stat: path => fake.files.stat(path),
  fstat: fd => fake.files.stat(`/proc/self/fd/${fd}`),
  fstatfs: () => 0x6e736673,
  mkdir: path => fake.files.mkdir(path),
  unlink: path => fake.files.unlink(path),
  rename: (from, to) => fake.files.rename(from, to),
  linkat: (from, to) => fake.files.link(from, to),
  symlink: (target, path) => fake.files.symlink(target, path),
  readlink: path => fake.files.readlink(path),
  getdents64: fd => fake.files.names(fd),
  flock: () => 0,
  setitimer: () => 0,
  memfd_create: () => fake.files.openMemory(),
  pipe2: () => {
    const end = fake.files.openMemory()
    return [end, fake.files.duplicate(end)]
  },
  spawn: (path, argv, env, stdin, stdout) => fake.spawn(path, argv, env, stdin, stdout),
  waitpid: pid => fake.waitpid(pid),
  socket: () => fake.files.openMemory(),
  connect: () => 0,
  send: (_, from) => from.length,
  recv: () => -11,
  setsockopt: () => 0,
  poll: (fd, events) => (fd === 0 && fake.stdin.length > 0 ? events & POLLIN : 0),
  setns: fd => fake.files.enter(fd),
  clock_gettime: () => fake.clock,
  getrandom: into => into.fill(7).length,
  getpid: () => 42,
  environ: () => Object.entries(fake.environment).map(([key, value]) => `${key}=${value}`),
  errorName: errno => ERRNOS[errno]?.[0] ?? `errno ${errno}`,
  errorText: errno => ERRNOS[errno]?.[1] ?? "Unknown error",
  decodeUtf8: bytes => new TextDecoder("utf-8", { ignoreBOM: true }).decode(bytes),
  encodeUtf8: text => new TextEncoder().encode(text),
  lineTable: () => fake.lineTable,
  exit: status => {
    throw new Exited(status)
  },
}

const entries = Object.entries(kernel) as [Call, (...given: never[]) => unknown][]
const calls = entries.map(([name, usual]) => [name, (...given: unknown[]) => fake.answer(name, usual, given)])
const module = Object.defineProperty(Object.fromEntries(calls), "closedAtStart", {
  enumerable: true,
  get: () => fake.closedAtStart,
})

jest.mock("native", () => module, { virtual: true })
beforeEach(() => fake.reset())
