import "../../kit/fake-native.ts"
import { CniCode } from "../../../lib/cni/errors.ts"
import { readSettings } from "../../../lib/cni/settings.ts"
import { fake } from "../../kit/fake-native.ts"

const FILE = "/etc/cni/patchbay.json"
const read = (variables: Record<string, string> = {}) => readSettings(new Map(Object.entries(variables)))

test.each<[string, string | undefined, Record<string, string>, string]>([
  ["nothing is set", undefined, {}, ""],
  ["the variable is 1", undefined, { PATCHBAY_TRACE: "1" }, "stderr"],
  ["the variable is a path", undefined, { PATCHBAY_TRACE: "/var/log/trace" }, "/var/log/trace"],
  ["the variable is empty", undefined, { PATCHBAY_TRACE: "" }, ""],
  ["the file names a path", '{"trace":"/var/log/trace"}', {}, "/var/log/trace"],
  ["the file names it in another case", '{"Trace":"/var/log/trace"}', {}, "/var/log/trace"],
  ["the file says nothing of it", '{"backend":"nftables"}', {}, ""],
  ["the file is empty of settings", "{}", {}, ""],
  ["both are there, and the variable counts more", '{"trace":"/a"}', { PATCHBAY_TRACE: "/b" }, "/b"],
  ["the variable spares a look at a broken file", "{", { PATCHBAY_TRACE: "1" }, "stderr"],
])("where %s", (_, file, variables, trace) => {
  if (file !== undefined) fake.files.put(FILE, file)
  expect(read(variables)).toEqual({ trace })
})

test.each<[string, string, Record<string, string>, RegExp]>([
  [
    "a relative path in the variable",
    "{}",
    { PATCHBAY_TRACE: "trace.log" },
    /^PATCHBAY_TRACE: must be 1 or an absolute path, got "trace.log"$/,
  ],
  [
    "a relative path in the file",
    '{"trace":"trace.log"}',
    {},
    /^\/etc\/cni\/patchbay\.json: trace: must be an absolute path/,
  ],
  ["a number in the file", '{"trace":1}', {}, /^\/etc\/cni\/patchbay\.json: trace: /],
  ["a file that is no JSON", "{", {}, /^\/etc\/cni\/patchbay\.json: /],
  ["a file that is no object", "[]", {}, /^\/etc\/cni\/patchbay\.json: /],
])("%s is an error that names its place", (_, file, variables, message) => {
  fake.files.put(FILE, file)
  expect(() => read(variables)).toThrow(
    expect.objectContaining({ code: CniCode.invalidConfig, message: expect.stringMatching(message) }),
  )
})

test("a file that cannot be read is an error that names it", () => {
  fake.script("open", -13)
  expect(() => read()).toThrow(`open ${FILE}: permission denied (EACCES)`)
})
