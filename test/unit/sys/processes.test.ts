import "../../kit/fake-native.ts"
import { type Program, runProgram } from "../../../lib/sys/processes.ts"
import { fake } from "../../kit/fake-native.ts"

const PATH = "/opt/cni/bin/host-local"

function run(program: Partial<Program> = {}) {
  const ended = runProgram({ path: PATH, argv: [PATH], env: ["A=1"], stdin: Buffer.from("{}"), ...program })
  return { ...ended, stdout: Buffer.from(ended.stdout).toString() }
}

afterEach(() => expect(fake.files.openCount).toBe(0))

test("a program gets its arguments, its environment and its stdin, and its stdout comes back", () => {
  fake.programs.set(PATH, ({ argv, env, stdin }) => ({ stdout: JSON.stringify([argv, [...env], stdin]) }))
  const stdin = "x".repeat(100_000)
  expect(run({ argv: [PATH, "daemon"], env: ["A=1", "B==2"], stdin: Buffer.from(stdin) })).toEqual({
    stdout: JSON.stringify([
      [PATH, "daemon"],
      [
        ["A", "1"],
        ["B", "=2"],
      ],
      stdin,
    ]),
    status: 0,
    signal: undefined,
  })
})

test.each<[string, { status?: number; signal?: number }, { status: number | undefined; signal: number | undefined }]>([
  ["an exit with 0", {}, { status: 0, signal: undefined }],
  ["an exit with 1", { status: 1 }, { status: 1, signal: undefined }],
  ["an exit with 255", { status: 255 }, { status: 255, signal: undefined }],
  ["SIGKILL", { signal: 9 }, { status: undefined, signal: 9 }],
  ["SIGSEGV with a core", { signal: 11 | 0x80 }, { status: undefined, signal: 11 }],
])("runProgram tells how a program ended: %s", (_, outcome, want) => {
  fake.programs.set(PATH, () => ({ stdout: "text", ...outcome }))
  expect(run()).toEqual({ stdout: "text", ...want })
})

test("runProgram goes on after signals", () => {
  fake.programs.set(PATH, () => ({ stdout: "text" }))
  fake.script("write", -4)
  fake.script("read", -4)
  fake.script("waitpid", -4)
  expect(run()).toEqual({ stdout: "text", status: 0, signal: undefined })
})

test("a program that is not there is named", () => {
  expect(() => run()).toThrow(`exec ${PATH}: no such file or directory (ENOENT)`)
})

test.each<[string, Parameters<typeof fake.script>, string]>([
  ["no memory file", ["memfd_create", -24], "memfd_create stdin: too many open files (EMFILE)"],
  ["no room for the input", ["write", -28], "write stdin in memory: no space left on device (ENOSPC)"],
  ["no way back to its start", ["lseek", -22], "lseek stdin in memory: invalid argument (EINVAL)"],
  ["no pipe", ["pipe2", -24], "pipe2: too many open files (EMFILE)"],
  ["output that cannot be read", ["read", -5], `read stdout of ${PATH}: input/output error (EIO)`],
  ["no such child", ["waitpid", -3], `waitpid ${PATH}: no such process (ESRCH)`],
])("runProgram leaves no descriptor open: %s", (_, script, message) => {
  fake.programs.set(PATH, () => ({}))
  fake.script(...script)
  expect(() => run()).toThrow(message)
})
