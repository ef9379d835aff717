// The test kit itself, against the real kernel: worlds, plugin calls and the test kernel.

import { execFileSync } from "node:child_process"
import { existsSync, mkdtempSync, readlinkSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { runInKernel } from "../kit/kernel.ts"
import { createWorld, type World, withWorld } from "../kit/namespaces.ts"
import { type Answer, assertCniError, attachment, cni, cniList, resultOf, startCni } from "../kit/plugin.ts"

let world: World
let folder: string

/** Plugins in shell that show what they were given. */
const plugins = {
  printer: "env",
  echo: `printf '{"id":"%s","verb":"%s","stdin":%s}' "$CNI_CONTAINERID" "$CNI_COMMAND" "$(cat)"`,
  refuse: `echo why >&2; printf '{"code":7,"msg":"no"}'; exit 1`,
}

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "patchbay-kit-"))
  for (const [name, script] of Object.entries(plugins))
    writeFileSync(join(folder, name), `#!/bin/sh\n${script}\n`, { mode: 0o755 })
  world = await createWorld()
  world.addContainer("c1")
})

afterAll(async () => {
  await world.remove()
  rmSync(folder, { recursive: true })
})

describe("world", () => {
  it("has a host namespace with lo up and containers with lo down", () => {
    expect(world.output(["cat", "/sys/class/net/lo/operstate"]).trim()).toBe("unknown")
    expect(world.output(["ls", "/sys/class/net"]).split("\n")).not.toContain("eth0")
    expect(world.output(["ip", "-br", "link", "show", "up"]).trim()).toMatch(/^lo /)
    expect(world.output(["ip", "-br", "link", "show", "up"], { container: "c1" })).toBe("")
  })

  it("keeps what a command writes to /run and the state folders away from the machine", () => {
    const name = `patchbay-kit-${process.pid}`
    for (const path of ["/run", "/var/lib/cni", "/etc/cni"]) {
      world.output(["touch", `${path}/${name}`])
      expect(existsSync(`${path}/${name}`)).toBe(false)
      expect(existsSync(world.outside(`${path}/${name}`))).toBe(true)
      world.output(["rm", `${path}/${name}`])
    }
    expect(readlinkSync(`/proc/${world.pid}/ns/net`)).not.toBe(readlinkSync("/proc/self/ns/net"))
  })

  it("gives a command its stdin, environment, folder and status", () => {
    const script = 'read -r line; echo "$line $NAME $PWD"; echo oops >&2; exit 3'
    const env = { NAME: "b", PATH: "/bin:/usr/bin" }
    const outcome = world.run(["sh", "-c", script], { input: "a\n", env, cwd: "/var/lib/cni" })
    expect(outcome).toEqual({ status: 3, signal: null, stdout: "a b /var/lib/cni\n", stderr: "oops\n" })
    expect(() => world.output(["sh", "-c", "echo why >&2; exit 4"])).toThrow(/status 4: why/)
  })

  it("ends a command that outlives its time", async () => {
    expect(() => world.run(["sleep", "60"], { timeoutMs: 50 })).toThrow("sleep 60: still running after 50 ms")
    await expect(world.start(["sleep", "60"], { timeoutMs: 50 }).done).rejects.toThrow("still running after 50 ms")
    expect(world.processes()).toEqual([])
  })

  it("runs commands side by side and waits for what they print", async () => {
    const server = world.start(["sh", "-c", "read -r word; echo got $word; sleep 60; :"], { input: "it\n" })
    await server.waitForOutput(/got it/)
    expect(world.processes()).toContainEqual({
      pid: server.pid,
      where: "host",
      command: expect.stringMatching(/^sh -c/),
    })
    await expect(server.waitForOutput(/never/, 20)).rejects.toThrow("20 ms passed before /never/: got it")
    server.kill("SIGTERM")
    expect(await server.done).toMatchObject({ signal: "SIGTERM" })
    await expect(server.waitForOutput(/never/, 20)).rejects.toThrow("ended before /never/")
    expect(world.processes()).toEqual([])
  })

  it("removes a container with its processes and the other ends of its links", () => {
    world.addContainer("short")
    world.output(["ip", "link", "add", "v-host", "type", "veth", "peer", "name", "eth0", "netns", "short"])
    world.start(["sleep", "60"], { container: "short" })
    world.removeContainer("short")
    world.removeContainer("short")
    expect(world.containers()).toEqual(["c1"])
    expect(world.output(["ip", "-br", "link"])).not.toContain("v-host")
  })

  it("leaves no process and no mount behind", async () => {
    const before = execFileSync("cat", ["/proc/self/mounts"], { encoding: "utf8" })
    const pid = await withWorld(one => {
      one.addContainer("c")
      one.start(["sleep", "60"], { container: "c" })
      return one.pid
    })
    expect(existsSync(`/proc/${pid}`)).toBe(false)
    expect(execFileSync("cat", ["/proc/self/mounts"], { encoding: "utf8" })).toBe(before)
  })
})

describe("plugin calls", () => {
  it("give the plugin exactly its environment", () => {
    const env = { X: "y", PATH: "/usr/bin:/bin" }
    const call = { plugin: "printer", folder, verb: "ADD", config: {}, ...attachment("c1"), args: "A=b", env }
    const lines = cni(world, call).stdout.trim().split("\n")
    expect(lines.filter(line => !/^(PWD|SHLVL|_)=/.test(line)).toSorted()).toEqual([
      "CNI_ARGS=A=b",
      "CNI_COMMAND=ADD",
      "CNI_CONTAINERID=c1",
      "CNI_IFNAME=eth0",
      "CNI_NETNS=/run/netns/c1",
      `CNI_PATH=${folder}`,
      "PATH=/usr/bin:/bin",
      "X=y",
    ])
  })

  it("can be started side by side", async () => {
    const call = { plugin: "echo", folder, verb: "ADD", config: "1" }
    const answers = await Promise.all(["a", "b", "c"].map(containerId => startCni(world, { ...call, containerId })))
    expect(answers.map(({ json }) => json)).toEqual(["a", "b", "c"].map(id => ({ id, verb: "ADD", stdin: 1 })))
  })

  it("can be launched through another program", () => {
    const launcher = ["sh", "-c", 'exec "$@" <&-', "sh"]
    const answer = cni(world, { plugin: "echo", folder, verb: "ADD", config: "1", launcher })
    expect(answer).toMatchObject({ status: 0, json: undefined, stdout: '{"id":"","verb":"ADD","stdin":}' })
    expect(answer.stderr).toMatch(/cat: /)
  })

  const list = {
    cniVersion: "1.0.0",
    name: "net",
    plugins: [
      { type: "echo", x: 1 },
      { type: "echo", x: 2 },
    ],
  }
  const common = { cniVersion: "1.0.0", name: "net", type: "echo" }
  const echoed = (verb: string, stdin: object): object => ({ id: "c1", verb, stdin })

  it("pass the result along a list on ADD, and go backwards on DEL", () => {
    const call = { list, folder, ...attachment("c1") }
    const first = echoed("ADD", { ...common, x: 1 })
    const second = echoed("ADD", { ...common, x: 2, prevResult: first })
    expect(cniList(world, { ...call, verb: "ADD" }).map(resultOf)).toEqual([first, second])
    expect(cniList(world, { ...call, verb: "DEL", prevResult: 5 }).map(resultOf)).toEqual([
      echoed("DEL", { ...common, x: 2, prevResult: 5 }),
      echoed("DEL", { ...common, x: 1, prevResult: 5 }),
    ])
  })

  it("stop at the first error of a list, except GC", () => {
    const plugins = [{ type: "refuse" }, { type: "echo" }]
    const run = (verb: string) => cniList(world, { list: { ...list, plugins }, folder, verb, validAttachments: [] })
    expect(run("ADD").map(({ status }) => status)).toEqual([1])
    expect(run("GC").map(({ status }) => status)).toEqual([1, 0])
    expect(assertCniError(run("ADD")[0] as Answer, 7, /no$/)).toEqual({ code: 7, msg: "no" })
  })

  it("show everything the plugin said when it should have succeeded", () => {
    const answer = cni(world, { plugin: "refuse", folder, verb: "CHECK", config: {} })
    expect(() => resultOf(answer)).toThrow(
      'refuse CHECK ended with status 1, wanted status 0\nstdout: {"code":7,"msg":"no"}\nstderr: why',
    )
  })
})

describe("test kernel", () => {
  it("has bridge VLAN filtering, returns both outputs and the status, and drops what is written outside", async () => {
    const mark = join(tmpdir(), `patchbay-kernel-${process.pid}`)
    const script = `set -e
      ip link add br0 type bridge vlan_filtering 1
      bridge vlan add dev br0 vid 200 self
      bridge vlan show | grep -o 200
      touch ${mark}
      echo "$1 $PATCHBAY_IN_KERNEL" >&2
      exit 7`
    const outcome = await runInKernel(["sh", "-c", script, "sh", "it's"], { timeoutMs: 60_000 })
    expect(outcome).toEqual({ status: 7, signal: null, stdout: "200\n", stderr: "it's 1\n" })
    expect(existsSync(mark)).toBe(false)
  }, 120_000)
})
