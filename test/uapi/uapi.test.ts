/**
 * Holds every number of lib/netlink/uapi against the kernel's own headers (/usr/include/linux): a C file with one static
 * assertion per row, member, message type and constant is written and given to the compiler.
 */
import "../kit/fake-native.ts"
import { spawnSync } from "node:child_process"
import { readdirSync } from "node:fs"
import { join } from "node:path"
import { ByteWriter } from "../../lib/bytes/writer.ts"
import { AttributeTable, type Row, type Rows } from "../../lib/netlink/attributes.ts"
import { Struct } from "../../lib/netlink/struct.ts"
import * as address from "../../lib/netlink/uapi/address.ts"
import * as bridgePort from "../../lib/netlink/uapi/bridge-port.ts"
import * as families from "../../lib/netlink/uapi/families.ts"
import * as link from "../../lib/netlink/uapi/link.ts"
import * as linkEnd from "../../lib/netlink/uapi/link-end.ts"
import * as linkKinds from "../../lib/netlink/uapi/link-kinds.ts"
import * as netlink from "../../lib/netlink/uapi/netlink.ts"
import * as nfTables from "../../lib/netlink/uapi/nf-tables.ts"
import * as nfTablesData from "../../lib/netlink/uapi/nf-tables-data.ts"
import * as nfTablesExpressions from "../../lib/netlink/uapi/nf-tables-expressions.ts"
import * as nfnetlink from "../../lib/netlink/uapi/nfnetlink.ts"
import * as route from "../../lib/netlink/uapi/route.ts"

const modules: Readonly<Record<string, object>> = {
  address,
  "bridge-port": bridgePort,
  families,
  link,
  "link-end": linkEnd,
  "link-kinds": linkKinds,
  netlink,
  "nf-tables": nfTables,
  "nf-tables-data": nfTablesData,
  "nf-tables-expressions": { ...nfTablesExpressions, ...nfTablesExpressions.expressions },
  nfnetlink,
  route,
}

const HEADERS = [
  "stddef.h",
  "sys/socket.h",
  "linux/if.h",
  "linux/if_addr.h",
  "linux/if_bridge.h",
  "linux/if_link.h",
  "linux/netfilter.h",
  "linux/netfilter/nf_log.h",
  "linux/netfilter/nf_tables.h",
  "linux/netfilter/nfnetlink.h",
  "linux/netlink.h",
  "linux/rtnetlink.h",
  "linux/veth.h",
]

const equal = (uapi: string, value: number): string => `_Static_assert(${uapi} == ${value}, "${uapi}");`

/** Tells the size of a number's kind by writing one. */
function sizeOf({ kind }: Row<unknown>): number {
  const writer = new ByteWriter()
  kind.encode(writer, 0, {})
  return writer.length
}

function structAssertions({ name, size, rows }: Struct<Rows>): string[] {
  const members = Object.values(rows).flatMap(row => [
    equal(`offsetof(struct ${name}, ${row.uapi})`, row.id),
    equal(`sizeof(((struct ${name} *)0)->${row.uapi})`, sizeOf(row)),
  ])
  return [equal(`sizeof(struct ${name})`, size), ...members]
}

/** What the headers of Linux 6.1, Debian 12's, do not have yet; the live tests show that newer kernels do. */
const NEWER = /^NFT_MSG_DESTROY/

/** Writes the assertions of what a module exports: constants, tables, structs, message types. */
function assertionsOf([exported, value]: [string, unknown]): string[] {
  if (typeof value === "number") return [equal(exported, value)]
  if (value instanceof Struct) return structAssertions(value)
  if (value instanceof AttributeTable) {
    return Object.values((value as AttributeTable<Rows>).rows).map(({ uapi, id }) => equal(uapi, id))
  }
  const { uapi, id } = value as { uapi?: string; id?: number }
  if (uapi === undefined || id === undefined || NEWER.test(uapi)) return []
  // Messages of netfilter's subsystems have the subsystem in their upper half.
  return [equal(id < 256 ? uapi : `(${id >> 8} << 8 | ${uapi})`, id)]
}

const assertions = [...new Set(Object.values(modules).flatMap(Object.entries).flatMap(assertionsOf))]

function compile(lines: readonly string[]): { status: number | null; stderr: string } {
  const source = [...HEADERS.map(header => `#include <${header}>`), ...lines, ""].join("\n")
  const cc = ["-std=gnu11", "-Wall", "-Werror", "-fsyntax-only", "-fmax-errors=0", "-x", "c", "-"]
  return spawnSync("cc", cc, { input: source, encoding: "utf8" })
}

test("every file of the folder is looked at", () => {
  const files = readdirSync(join(__dirname, "../../lib/netlink/uapi")).map(file => file.replace(/\.ts$/, ""))
  expect(Object.keys(modules).sort()).toEqual(files.sort())
})

test("every number is the kernel's", () => {
  expect(assertions.length).toBeGreaterThan(120)
  expect(compile(assertions)).toMatchObject({ status: 0, stderr: "" })
})

test("a wrong number would be found, whichever it is", () => {
  const wrong = assertions.map(assertion =>
    assertion.replace(/ == (-?\d+),/, (_, value) => ` == ${Number(value) + 1},`),
  )
  const { status, stderr } = compile(wrong)
  expect(status).toBe(1)
  expect(stderr.match(/error: static assertion failed/g)).toHaveLength(assertions.length)
})

test("names fit into what the kernel has for them", () => {
  const names = [
    ...[equal("IFNAMSIZ - 1", 15), equal("IFALIASZ - 1", 255), equal("NFT_NAME_MAXLEN - 1", 255)],
    ...[equal("NFT_USERDATA_MAXLEN", 256), equal("NF_LOG_PREFIXLEN - 1", 127)],
  ]
  expect(compile(names)).toMatchObject({ status: 0, stderr: "" })
})
