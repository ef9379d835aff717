import {
  countCalls,
  type FaultPoint,
  findHit,
  parseTrace,
  planErrors,
  planKills,
  sensibleErrnos,
  straceArguments,
} from "../../kit/strace.ts"

const single = `execve("/bin/bridge", ["/bin/bridge"], 0x7ffd /* 3 vars */) = 0
brk(NULL)                               = 0x31ba1000
openat(AT_FDCWD, "/proc/self/ns/net", O_RDONLY) = 3
read(0, "{\\"a\\": \\"openat(x)\\"}", 65536)     = 20
--- SIGCHLD {si_signo=SIGCHLD, si_code=CLD_EXITED, si_pid=7, si_uid=0} ---
openat(AT_FDCWD, "/x", O_RDONLY)        = -1 ENOENT (No such file or directory)
execve("/bin/host-local", ["/bin/host-local"], 0x7ffd /* 3 vars */) = -1 EACCES (Permission denied)
exit_group(0)                           = ?
+++ exited with 0 +++
`

const tree = `10    execve("/bin/a", ["a"], 0x7f /* 3 vars */) = 0
10    vfork( <unfinished ...>
11    execve("/bin/b", ["b"], 0x7f /* 3 vars */ <unfinished ...>
10    <... vfork resumed>)              = 11
11    <... execve resumed>)             = 0
11    sendto(3, "x", 1, 0, NULL, 0)     = 1
11    sendto(3, "y", 1, 0, NULL, 0)     = 1
10    wait4(-1,  <unfinished ...>
11    +++ exited with 0 +++
10    <... wait4 resumed>NULL, 0, NULL) = 11
10    sendto(3, "z", 1, 0, NULL, 0)     = 1
10    +++ exited with 0 +++
`

describe("a trace", () => {
  it("is read call by call, with the process if several were traced", () => {
    expect(parseTrace(single).map(({ pid, name }) => [pid, name])).toEqual([
      [undefined, "execve"],
      [undefined, "brk"],
      [undefined, "openat"],
      [undefined, "read"],
      [undefined, "openat"],
      [undefined, "execve"],
      [undefined, "exit_group"],
    ])
    expect(parseTrace(tree).map(({ pid, name }) => `${pid} ${name}`)).toEqual([
      "10 execve",
      "10 vfork",
      "11 execve",
      "11 sendto",
      "11 sendto",
      "10 wait4",
      "10 sendto",
    ])
  })

  it("is counted per process as when= counts, without strace's own execve", () => {
    expect([...countCalls(parseTrace(single))]).toEqual([
      ["brk", 1],
      ["execve", 1],
      ["exit_group", 1],
      ["openat", 2],
      ["read", 1],
    ])
    expect([...countCalls(parseTrace(tree))]).toEqual([
      ["execve", 1],
      ["sendto", 2],
      ["vfork", 1],
      ["wait4", 1],
    ])
    expect([...countCalls([])]).toEqual([])
  })

  const injected = `openat(AT_FDCWD, "/x", O_RDONLY)        = 3
openat(AT_FDCWD, "/y", O_RDONLY)        = -1 EMFILE (Too many open files) (INJECTED)
+++ exited with 1 +++
`
  const killed = `mkdir("/x", 0755)                       = 0
mkdir("/y", 0755)                       = ?
+++ killed by SIGKILL +++
`
  const killedChild = `10    mkdir("/a", 0755)                 = 0
11    mkdir("/b", 0755)                 = ?
10    mkdir("/c", 0755)                 = 0
11    +++ killed by SIGKILL +++
10    +++ exited with 0 +++
`
  const point = (effect: string): FaultPoint => ({ call: "x", nth: 2, effect })
  const hits: [string, string, string, string | undefined][] = [
    [
      "the call that failed",
      injected,
      "EMFILE",
      'openat(AT_FDCWD, "/y", O_RDONLY)        = -1 EMFILE (Too many open files) (INJECTED)',
    ],
    ["no call if none failed", single, "EMFILE", undefined],
    ["the call before which the process was killed", killed, "SIGKILL", 'mkdir("/y", 0755)                       = ?'],
    ["that call of the killed process", killedChild, "SIGKILL", 'mkdir("/b", 0755)                 = ?'],
    ["no call if the process ended by itself", single, "SIGKILL", undefined],
  ]
  it.each(hits)("shows %s", (_, text, effect, want) => {
    expect(findHit(text, point(effect))).toBe(want)
  })
})

describe("a plan", () => {
  const counts = new Map([
    ["mmap", 9],
    ["openat", 2],
    ["newcall", 1],
  ])

  it("fails every occurrence of every call that can fail", () => {
    expect(planErrors(counts, sensibleErrnos)).toEqual([
      { call: "openat", nth: 1, effect: "EMFILE" },
      { call: "openat", nth: 2, effect: "EMFILE" },
      { call: "newcall", nth: 1, effect: "EIO" },
    ])
  })

  it("kills before every such call, whatever errnos it has", () => {
    expect(planKills(counts)).toEqual([
      { call: "openat", nth: 1, effect: "SIGKILL" },
      { call: "openat", nth: 2, effect: "SIGKILL" },
      { call: "newcall", nth: 1, effect: "SIGKILL" },
    ])
  })

  it("becomes strace's arguments", () => {
    const point = { call: "sendto", nth: 3, effect: "ENOBUFS" }
    expect(straceArguments("/t")).toEqual(["-s", "120", "-o", "/t"])
    expect(straceArguments("/t", point).slice(4)).toEqual([
      "-e",
      "trace=sendto",
      "-e",
      "inject=sendto:error=ENOBUFS:when=3",
    ])
    expect(straceArguments("/t", { ...point, effect: "SIGKILL" }).at(-1)).toBe("inject=sendto:signal=SIGKILL:when=3")
  })
})
