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

/** A program on its way. */
export class RunningProgram {
  readonly #path: string
  readonly #pid: number
  readonly #output: number

  constructor(path: string, pid: number, output: number) {
    this.#path = path
    this.#pid = pid
    this.#output = output
  }

  /** Waits for the program's end; to be called once. @throws {SysError} if its output cannot be read */
  finish(): Ended {
    let end: Pick<Ended, "status" | "signal">
    let stdout: Uint8Array
    try {
      stdout = readToEnd(this.#output, `stdout of ${this.#path}`)
    } finally {
      close(this.#output)
      end = waitStatus(this.#pid, this.#path)
    }
    return { stdout, ...end }
  }
}

/**
 * Starts a program. Its stderr is this process's, and it is killed if this process is. The stdin bytes lie in memory before it
 * starts, so neither side can block the other. The caller owes a finish().
 * @throws {SysError} if it cannot be started
 */
export function startProgram(program: Program): RunningProgram {
  const input = memoryFile(program.stdin)
  try {
    const [output, outputEnd] = check(native.pipe2(), "pipe2", "")
    try {
      const { path, argv, env } = program
      return new RunningProgram(path, check(native.spawn(path, argv, env, input, outputEnd), "exec", path), output)
    } catch (error) {
      close(output)
      throw error
    } finally {
      close(outputEnd) // so that reading the other end comes to its end with the program
    }
  } finally {
    close(input)
  }
}

/** Runs a program to its end. @throws {SysError} */
export function runProgram(program: Program): Ended {
  return startProgram(program).finish()
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

function waitStatus(pid: number, path: string): { status: number | undefined; signal: number | undefined } {
  const word = check(
    retry(() => native.waitpid(pid)),
    "waitpid",
    path,
  )
  const signal = word & 0x7f // wait(2): WTERMSIG, WEXITSTATUS
  return signal === 0 ? { status: (word >> 8) & 0xff, signal: undefined } : { status: undefined, signal }
}
