import "../../kit/fake-native.ts"
import { parseCniArgs } from "../../../lib/cni/args.ts"
import { CniCode, CniError } from "../../../lib/cni/errors.ts"

const KNOWN = ["IP", "GATEWAY", "MAC"]
const KUBERNETES =
  "IgnoreUnknown=1;K8S_POD_NAMESPACE=default;K8S_POD_NAME=web-0;K8S_POD_INFRA_CONTAINER_ID=8c7f;K8S_POD_UID=1a2b"

test.each<[string, string, Record<string, string>]>([
  ["nothing", "", {}],
  ["one pair", "IP=10.0.0.1", { IP: "10.0.0.1" }],
  ["two pairs", "IP=10.0.0.1;MAC=02:00:00:00:00:01", { IP: "10.0.0.1", MAC: "02:00:00:00:00:01" }],
  ["an empty value", "IP=", { IP: "" }],
  ["the last of two", "IP=10.0.0.1;IP=10.0.0.2", { IP: "10.0.0.2" }],
  ["values as they are", "IP= 10.0.0.1 , fd00::1", { IP: " 10.0.0.1 , fd00::1" }],
  ["what containerd and CRI-O send", KUBERNETES, {}],
  ["what Podman sends", "IgnoreUnknown=1;K8S_POD_NAME=web;MAC=02:00:00:00:00:01", { MAC: "02:00:00:00:00:01" }],
  ["unknown keys before IgnoreUnknown", "FOO=bar;IP=10.0.0.1;IgnoreUnknown=1", { IP: "10.0.0.1" }],
  ["IgnoreUnknown=true", "FOO=bar;IgnoreUnknown=true", {}],
  ["IgnoreUnknown=TRUE", "FOO=bar;IgnoreUnknown=TRUE", {}],
  ["IgnoreUnknown=0 without unknown keys", "IgnoreUnknown=0;IP=10.0.0.1", { IP: "10.0.0.1" }],
  ["the last IgnoreUnknown", "FOO=bar;IgnoreUnknown=0;IgnoreUnknown=1", {}],
  ["an unknown key without a name", "=bar;IgnoreUnknown=1", {}],
])("parseCniArgs reads %s", (_, text, want) => {
  expect(Object.fromEntries(parseCniArgs(text, KNOWN))).toEqual(want)
})

test.each<[string, string, string]>([
  ["an unknown key", "FOO=bar", 'unknown args ["FOO=bar"]'],
  ["two unknown keys", "FOO=bar;IP=10.0.0.1;X=y", 'unknown args ["FOO=bar" "X=y"]'],
  ["a key that only another plugin knows", "LABEL=a", 'unknown args ["LABEL=a"]'],
  ["a key in another case", "ip=10.0.0.1", 'unknown args ["ip=10.0.0.1"]'],
  ["IgnoreUnknown in another case", "ignoreunknown=1", 'unknown args ["ignoreunknown=1"]'],
  ["IgnoreUnknown=false", "FOO=bar;IgnoreUnknown=false", 'unknown args ["FOO=bar"]'],
  ["no value", "IP", 'invalid pair "IP"'],
  ["two equals signs", "IP=a=b", 'invalid pair "IP=a=b"'],
  ["a semicolon at the end", "IP=10.0.0.1;", 'invalid pair ""'],
  ["an empty pair", "IP=10.0.0.1;;MAC=x", 'invalid pair ""'],
  ["an empty pair that IgnoreUnknown does not cover", "IgnoreUnknown=1;", 'invalid pair ""'],
  [
    "IgnoreUnknown=yES",
    "IgnoreUnknown=yES",
    'error parsing value of pair "IgnoreUnknown=yES": boolean unmarshal error: invalid input yes',
  ],
  [
    "IgnoreUnknown without a value",
    "IgnoreUnknown=",
    'error parsing value of pair "IgnoreUnknown=": boolean unmarshal error: invalid input ',
  ],
])("parseCniArgs refuses %s in the reference's words, and names the variable", (_, text, problem) => {
  const refused = expect.objectContaining({ code: CniCode.invalidEnvironment, message: `CNI_ARGS: ARGS: ${problem}` })
  expect(() => parseCniArgs(text, KNOWN)).toThrow(CniError)
  expect(() => parseCniArgs(text, KNOWN)).toThrow(refused)
})

test("parseCniArgs tells how to get unknown keys past plugins", () => {
  expect(() => parseCniArgs("FOO=bar", [])).toThrow(
    expect.objectContaining({ details: expect.stringContaining("IgnoreUnknown=1") }),
  )
})
