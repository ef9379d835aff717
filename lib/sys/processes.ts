/** Running another executable with given stdin bytes and collecting its stdout. No shell, no PATH. */
import * as native from "native"
import { check, retry } from "./errors.ts"
import { close, readToEnd, writeAll } from "./files.ts"

/** How a process ended. */
export interface Ended {
  readonly stdout: Uint8Array
  /** Its exit status; undefined if a signal ended it. */
  readonly status: number | undefined
  /** The signal that ended it; undefined if it exited. */
  readonly signal: number | undefined
}

/** What to run. */
export interface Program {
  /** Absolute path of the executable. */
  readonly path: string
  readonly argv: string[]
  /** The whole environment, "KEY=value". */
  readonly env: string[]
  readonly stdin: Uint8Array
}

/**
 * Runs a program to its end. Its stderr is this process's. The stdin bytes lie in memory before it starts, so neither side
 * can block the other.
 * @throws {SysError} if it cannot be started
 */
export function runProgram(program: Program): Ended {
  const input = memoryFile(program.stdin)
  try {
    const [output, outputEnd] = check(native.pipe2(), "pipe2", "")
    try {
      const pid = startProgram(program, input, outputEnd)
      const stdout = readToEnd(output, `stdout of ${program.path}`)
      return { stdout, ...waitStatus(pid, program.path) }
    } finally {
      close(output)
    }
  } finally {
    close(input)
  }
}

function memoryFile(bytes: Uint8Array): number {
  const fd = check(native.memfd_create("stdin"), "memfd_create", "stdin")
  try {
    writeAll(fd, bytes, "stdin in memory")
    check(native.lseek(fd, 0), "lseek", "stdin in memory")
    return fd
  } catch (error) {
    close(fd)
    throw error
  }
}

/** Closes `outputEnd` in any case, so that reading the other end comes to its end with the program. */
function startProgram(program: Program, input: number, outputEnd: number): number {
  try {
    return check(native.spawn(program.path, program.argv, program.env, input, outputEnd), "exec", program.path)
  } finally {
    close(outputEnd)
  }
}

function waitStatus(pid: number, path: string): { status: number | undefined; signal: number | undefined } {
  const word = check(
    retry(() => native.waitpid(pid)),
    "waitpid",
    path,
  )
  const signal = word & 0x7f // wait(2): WTERMSIG, WEXITSTATUS
  return signal === 0 ? { status: (word >> 8) & 0xff, signal: undefined } : { status: undefined, signal }
}
