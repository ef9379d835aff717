/**
 * Words of ours that programs look for. The patterns are theirs: containerd's go-cni takes an error of DEL with "not found"
 * in it for success, and one with "no such file or directory" where there is no namespace; nerdctl reads the about line;
 * Podman and cri-tools show or match what libcni and the reference plugins say.
 */
import "../../kit/fake-native.ts"
import { findPlugin } from "../../../lib/cni/delegate.ts"
import { toCniError } from "../../../lib/cni/errors.ts"
import { front } from "../../../lib/cni/front.ts"
import { Ipam } from "../../../lib/cni/ipam.ts"
import { getNamespace } from "../../../lib/cni/request.ts"
import { supportedVersions } from "../../../lib/cni/versions.ts"
import { Sandbox } from "../../../lib/host/sandbox.ts"
import { readSysctl } from "../../../lib/host/sysctl.ts"
import { refusal } from "../../../lib/netlink/errors.ts"
import { readTextFile } from "../../../lib/sys/files.ts"
import { runProgram } from "../../../lib/sys/processes.ts"
import { Exited, fake } from "../../kit/fake-native.ts"
import { thrownBy } from "../../kit/thrown.ts"

Object.assign(globalThis, { PATCHBAY_VERSION: "1.10.0" })

const GONE = "/run/netns/gone"
const callOn = (netns: string) => ({
  parameters: {
    verb: "CHECK" as const,
    containerId: "c1",
    netns,
    ifname: "eth0",
    args: "",
    path: "",
    netnsOverride: false,
  },
  environment: new Map<string, string>(),
  stdin: new Uint8Array(0),
  value: {},
  network: "net",
})
const throwing = (error: unknown) => () => {
  throw error
}

const ABSENT = /no such file or directory/

describe("what is absent is said in words that callers match", () => {
  test.each<[string, () => unknown, RegExp]>([
    ["a namespace of ADD or CHECK", () => getNamespace(callOn(GONE)), ABSENT],
    ["a namespace that goes meanwhile", () => new Sandbox(GONE).fd, ABSENT],
    ["a state file", () => readTextFile("/var/lib/cni/networks/net/10.1.0.2"), ABSENT],
    ["a kernel setting", () => readSysctl("net/ipv6/conf/all/forwarding"), ABSENT],
    [
      "an executable that goes meanwhile",
      () => runProgram({ path: "/x", argv: ["/x"], env: [], stdin: new Uint8Array(0) }),
      ABSENT,
    ],
    [
      "an object of the kernel, despite its own text",
      throwing(refusal("RTM_DELROUTE", 2, "FIB: not there", "")),
      ABSENT,
    ],
    [
      "an address plugin",
      () => findPlugin("host-local", "/opt/cni/bin"),
      /^failed to find plugin "host-local" in path \[\/opt\/cni\/bin\]$/,
    ],
    ["all plugin folders", () => findPlugin("host-local", ""), /^no paths provided$/],
  ])("%s", (_, act, pattern) => {
    expect(toCniError(thrownBy(act)).message).toMatch(pattern)
  })
})

test("nerdctl finds the plugin's version on stderr", () => {
  expect(thrownBy(() => front("firewall"))).toEqual(new Exited(0))
  const [, version] = /^CNI firewall plugin v(\d+\.\d+\.\d+)$/m.exec(fake.stderr) ?? []
  expect(version).toBe("1.10.0")
})

test("libcni finds versions in compact JSON on one line", () => {
  fake.environment = { CNI_COMMAND: "VERSION" }
  expect(thrownBy(() => front("firewall"))).toEqual(new Exited(0))
  expect(fake.stdout.split("\n")).toEqual([JSON.stringify({ cniVersion: "1.1.0", supportedVersions }), ""])
})

test("an interface plugin without addresses says what the reference says", () => {
  fake.files.put("/bin/dhcp")
  fake.programs.set("/bin/dhcp", () => ({ stdout: "{}" }))
  const ipam = new Ipam("dhcp", "1.0.0", { path: "/bin", environment: new Map(), stdin: new Uint8Array(0) })
  expect(toCniError(thrownBy(() => ipam.beginAdd()())).message).toBe("IPAM plugin returned missing IP config")
})
