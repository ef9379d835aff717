// What the fault sweep needs to know about strace(1): how to ask for a fault, and how to read which calls were made.
//
// `-e inject=CALL:error=E:when=N` fails the N-th CALL of *each* traced process without executing it, and
// `:signal=SIGKILL:when=N` ends the process instead of executing it. So `sendto:error` means "the kernel never saw the
// request", `recvfrom:error` "the request was carried out and the answer was lost", and a kill before each call covers
// every state between two calls. The first execve of the program, made by strace itself, is shown but not counted.

/** One place in a program's run and what happens to it there. */
export interface FaultPoint {
  readonly call: string
  /** Counted from 1, per process. */
  readonly nth: number
  /** An errno name, or "SIGKILL". */
  readonly effect: string
}

/** One system call of a trace. */
export interface TracedCall {
  /** Undefined in the trace of a single process. */
  readonly pid: string | undefined
  readonly name: string
  readonly text: string
}

// Failing these says nothing about a plugin: memory and thread upkeep, questions that cannot fail, exits; and close,
// which always closes.
const upkeep = new Set(
  `arch_prctl brk clock_gettime close exit exit_group futex getegid geteuid getgid getpgrp getpid getppid gettid getuid
  madvise mmap mprotect mremap munmap nanosleep prctl prlimit64 restart_syscall rseq rt_sigaction rt_sigprocmask
  rt_sigreturn sched_getaffinity sched_yield set_robust_list set_tid_address sigaltstack tgkill umask`.split(/\s+/),
)

const likelyErrnos: Readonly<Record<string, string>> = {
  accept4: "EMFILE",
  bind: "EADDRINUSE",
  clone: "EAGAIN",
  clone3: "EAGAIN",
  connect: "ECONNREFUSED",
  dup: "EMFILE",
  dup2: "EBUSY",
  dup3: "EBUSY",
  execve: "ENOMEM",
  flock: "ENOLCK",
  fork: "EAGAIN",
  getrandom: "ENOSYS",
  ioctl: "ENOTTY",
  link: "ENOSPC",
  linkat: "ENOSPC",
  mkdir: "ENOSPC",
  mkdirat: "ENOSPC",
  open: "EMFILE",
  openat: "EMFILE",
  openat2: "EMFILE",
  pipe: "EMFILE",
  pipe2: "EMFILE",
  poll: "EINTR",
  ppoll: "EINTR",
  rename: "ENOSPC",
  renameat: "ENOSPC",
  renameat2: "ENOSPC",
  sendmsg: "ENOBUFS",
  sendto: "ENOBUFS",
  setns: "EPERM",
  setsockopt: "ENOPROTOOPT",
  socket: "EMFILE",
  socketpair: "EMFILE",
  vfork: "EAGAIN",
  wait4: "EINTR",
  waitid: "EINTR",
  write: "ENOSPC",
}

/** Returns the errnos worth injecting into a call; none for upkeep, EIO for a call that no list names. */
export function sensibleErrnos(call: string): readonly string[] {
  return upkeep.has(call) ? [] : [likelyErrnos[call] ?? "EIO"]
}

/** Parses a trace written with `-o`, with or without `-f`; resumed calls, signals and exits are not calls. */
export function parseTrace(text: string): TracedCall[] {
  return text.split("\n").flatMap(line => {
    const [, pid, rest = ""] = /^(?:(\d+) +)?(.*)$/.exec(line) ?? []
    const name = /^([a-z_][a-z0-9_]*)\(/.exec(rest)?.[1]
    return name === undefined ? [] : [{ pid, name, text: rest }]
  })
}

/** Returns how often each call can be hit: the largest number in any one process, as `when=` counts. */
export function countCalls(trace: readonly TracedCall[]): Map<string, number> {
  const most = new Map<string, number>()
  const perProcess = new Map<string, number>()
  for (const [index, { pid, name }] of trace.entries()) {
    if (index === 0 && name === "execve") continue
    const key = `${pid} ${name}`
    const count = (perProcess.get(key) ?? 0) + 1
    perProcess.set(key, count)
    most.set(name, Math.max(most.get(name) ?? 0, count))
  }
  return new Map([...most].sort(([a], [b]) => (a < b ? -1 : 1)))
}

/** Plans one point for every occurrence of every call and each of its errnos. */
export function planErrors(
  counts: ReadonlyMap<string, number>,
  errnos: (call: string) => readonly string[],
): FaultPoint[] {
  return [...counts].flatMap(([call, count]) => errnos(call).flatMap(effect => everyNth({ call, effect }, count)))
}

/** Plans a kill before every occurrence of every call that is not upkeep. */
export function planKills(counts: ReadonlyMap<string, number>): FaultPoint[] {
  return [...counts].flatMap(([call, count]) => (upkeep.has(call) ? [] : everyNth({ call, effect: "SIGKILL" }, count)))
}

function everyNth(what: Omit<FaultPoint, "nth">, count: number): FaultPoint[] {
  return Array.from({ length: count }, (_, index) => ({ ...what, nth: index + 1 }))
}

/** Returns strace's arguments that trace a whole run into `file`, or that inject one fault. */
export function straceArguments(file: string, point?: FaultPoint): string[] {
  const common = ["-s", "120", "-o", file]
  if (point === undefined) return common
  const effect = point.effect === "SIGKILL" ? "signal=SIGKILL" : `error=${point.effect}`
  return [...common, "-e", `trace=${point.call}`, "-e", `inject=${point.call}:${effect}:when=${point.nth}`]
}

/** Finds the call that a fault hit in the trace of its run; undefined: the run never came there. */
export function findHit(text: string, point: FaultPoint): string | undefined {
  const calls = parseTrace(text)
  if (point.effect !== "SIGKILL") return calls.find(call => call.text.endsWith("(INJECTED)"))?.text
  const killed = /^(?:(\d+) +)?\+\+\+ killed by SIGKILL \+\+\+$/m.exec(text)
  return killed === null ? undefined : calls.findLast(call => call.pid === killed[1])?.text
}

/** Names a point in reports, e.g. "openat 3 EMFILE". */
export function pointName({ call, nth, effect }: FaultPoint): string {
  return `${call} ${nth} ${effect}`
}
