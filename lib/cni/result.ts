/**
 * The CNI Result: one shape inside (1.1.0's), converted on the way in and out (SPEC 1.1.0 §5, older versions' §Result).
 *
 *   0.1.0 0.2.0         { ip4, ip6, dns }                 one address a family
 *   0.3.0 0.3.1 0.4.0   { interfaces, ips[].version, routes, dns }
 *   1.0.0 1.1.0         { interfaces, ips, routes, dns }  keys sorted; mtu, socketPath and pciID only in 1.1.0
 *
 * The text is the reference library's to the byte: 4 spaces, no newline at the end, <, > and & escaped.
 */
import { formatValue } from "./config.ts"
import { CniCode, CniError } from "./errors.ts"
import { type CniVersion, compareVersions, isSupportedVersion, supportedVersions } from "./versions.ts"

/** An interface that an attachment has, in the container (with `sandbox`) or on the host. */
export interface ResultInterface {
  readonly name: string
  readonly mac?: string
  readonly mtu?: number
  /** CNI_NETNS word for word; absent for the host's side. */
  readonly sandbox?: string
  readonly socketPath?: string
  readonly pciID?: string
}

/** An address of the container. */
export interface ResultIp {
  /** CIDR with host bits. */
  readonly address: string
  readonly gateway?: string
  /** Index into `interfaces`. */
  readonly interface?: number
}

/** A route of the container. */
export interface ResultRoute {
  readonly dst: string
  readonly gw?: string
  readonly mtu?: number
  readonly advmss?: number
  readonly priority?: number
  readonly table?: number
  readonly scope?: number
}

/** Name resolution for the container. */
export interface ResultDns {
  readonly nameservers?: readonly string[]
  readonly domain?: string
  readonly search?: readonly string[]
  readonly options?: readonly string[]
}

/** What ADD gives, in version 1.1.0's terms; empty lists where there is nothing. */
export interface Result {
  readonly interfaces: readonly ResultInterface[]
  readonly ips: readonly ResultIp[]
  readonly routes: readonly ResultRoute[]
  readonly dns: ResultDns
}

type Json = { readonly [key: string]: unknown }

const isJsonObject = (value: unknown): value is Json =>
  typeof value === "object" && value !== null && !Array.isArray(value)

/** The keys that the specification gives an object and the types of their values; the key that it needs stands first. */
type Types = { readonly [key: string]: "string" | "number" }

const INTERFACE: Types = {
  name: "string",
  mac: "string",
  mtu: "number",
  sandbox: "string",
  socketPath: "string",
  pciID: "string",
}
/** Before 1.1.0. */
const OLD_INTERFACE: Types = { name: "string", mac: "string", sandbox: "string" }
const IP: Types = { address: "string", gateway: "string", interface: "number" }
const ROUTE: Types = {
  dst: "string",
  gw: "string",
  mtu: "number",
  advmss: "number",
  priority: "number",
  table: "number",
  scope: "number",
}

const DNS_KEYS = ["nameservers", "domain", "search", "options"]

/** Tells whether an address text, CIDR or not, is IPv6. */
export const isIpv6 = (address: string): boolean => address.includes(":")

/**
 * Formats a result for a configuration of version `version`.
 * @throws {CniError} if the version cannot express it: 0.1.0 and 0.2.0 need an address
 */
export function formatResult(result: Result, version: CniVersion): string {
  const shape =
    compareVersions(version, "1.0.0") >= 0
      ? encodeCurrent(result, version)
      : compareVersions(version, "0.3.0") >= 0
        ? encodeWithFamilies(result, version)
        : encodeTwoFamilies(result, version)
  return formatJson(shape)
}

/** Formats a value as Go's json.MarshalIndent does, with 4 spaces. */
export function formatJson(value: unknown): string {
  return JSON.stringify(value, undefined, 4).replace(
    /[<>&\u2028\u2029]/g,
    character => `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`,
  )
}

/** Tells whether Go's types leave a key out (omitempty): empty texts and lists, and the numbers whose 0 means unset. */
function isEmpty(key: string, value: unknown): boolean {
  if (value === 0) return key === "mtu" || key === "advmss" || key === "priority"
  return (
    value === undefined ||
    value === null ||
    (value === "" && key !== "name") ||
    (Array.isArray(value) && value.length === 0)
  )
}

/** Copies the keys named, in that order, without what is empty. */
function pick(value: object, keys: readonly string[]): Json {
  const entries = keys.map(key => [key, (value as Json)[key]] as const)
  return Object.fromEntries(entries.filter(([key, each]) => !isEmpty(key, each)))
}

/** Copies the keys of `types` sorted, without what is empty. */
const sorted = (value: object, types: Types): Json => pick(value, Object.keys(types).sort())

const orNothing = <T>(list: readonly T[]): readonly T[] | undefined => (list.length === 0 ? undefined : list)

function encodeCurrent(result: Result, version: CniVersion): Json {
  const dns = pick(result.dns, [...DNS_KEYS].sort())
  const interfaceTypes = version === "1.0.0" ? OLD_INTERFACE : INTERFACE
  return {
    cniVersion: version,
    dns: Object.keys(dns).length === 0 ? undefined : dns,
    interfaces: orNothing(result.interfaces.map(each => sorted(each, interfaceTypes))),
    ips: orNothing(result.ips.map(each => sorted(each, IP))),
    routes: orNothing(result.routes.map(each => sorted(each, ROUTE))),
  }
}

function encodeWithFamilies(result: Result, version: CniVersion): Json {
  return {
    cniVersion: version,
    interfaces: orNothing(result.interfaces.map(each => pick(each, Object.keys(OLD_INTERFACE)))),
    ips: orNothing(
      result.ips.map(ip => ({
        version: isIpv6(ip.address) ? "6" : "4",
        ...pick(ip, ["interface", "address", "gateway"]),
      })),
    ),
    routes: orNothing(result.routes.map(each => pick(each, Object.keys(ROUTE)))),
    dns: pick(result.dns, DNS_KEYS),
  }
}

function encodeTwoFamilies(result: Result, version: CniVersion): Json {
  const family = (belongs: (address: string) => boolean): Json | undefined => {
    const ip = result.ips.find(({ address }) => belongs(address))
    const routes = result.routes.filter(({ dst }) => belongs(dst)).map(route => pick(route, ["dst", "gw"]))
    return ip && { ip: ip.address, ...pick(ip, ["gateway"]), routes: orNothing(routes) }
  }
  const ip4 = family(address => !isIpv6(address))
  const ip6 = family(isIpv6)
  if (!ip4 && !ip6)
    throw new CniError(CniCode.invalidConfig, "cannot convert: no valid IP addresses", noAddress(version))
  return { cniVersion: version, ip4, ip6, dns: pick(result.dns, DNS_KEYS) }
}

const noAddress = (version: CniVersion): string =>
  `a result of version ${version} holds nothing but addresses; use cniVersion 0.3.1 or newer`

/** A result that another plugin made is not one. */
export class ResultError extends Error {
  override readonly name = "ResultError"
}

/**
 * Reads a result that another plugin printed.
 * @param version the configuration's, which counts where the result names none
 * @throws {ResultError} if it is of a version that we do not speak, or has not that version's shape
 */
export function decodeResult(value: unknown, version: CniVersion): Result {
  if (!isJsonObject(value)) throw new ResultError("the result is not a JSON object")
  const own = value.cniVersion || version
  if (typeof own !== "string" || !isSupportedVersion(own)) {
    throw new ResultError(`unsupported CNI result version ${formatValue(own)}`)
  }
  return compareVersions(own, "0.3.0") < 0 ? decodeTwoFamilies(value) : decodeCurrent(value)
}

/** Versions of one group share a shape. */
const shapeOf = (version: CniVersion): number =>
  compareVersions(version, "0.3.0") < 0 ? 0 : compareVersions(version, "1.0.0") < 0 ? 1 : 2

/**
 * Reads the prevResult of a configuration of version `version`.
 * @throws {ResultError} if it names a version of another shape than the configuration's
 */
export function decodePrevResult(value: unknown, version: CniVersion): Result {
  const named = isJsonObject(value) ? (value.cniVersion ?? "") : ""
  const sameShape = supportedVersions.filter(each => shapeOf(each) === shapeOf(version))
  if (named !== "" && !(sameShape as readonly unknown[]).includes(named)) {
    const supported = `result type supports [${sameShape.join(" ")}]`
    const got = formatValue(named)
    throw new ResultError(`could not parse prevResult: ${supported} but unmarshalled CNIVersion is ${got}`)
  }
  return decodeResult(value, version)
}

function decodeCurrent(value: Json): Result {
  return {
    interfaces: decodeList<ResultInterface>(value, "interfaces", INTERFACE),
    ips: decodeList<ResultIp>(value, "ips", IP),
    routes: decodeList<ResultRoute>(value, "routes", ROUTE),
    dns: decodeDns(value),
  }
}

function decodeTwoFamilies(value: Json): Result {
  const families = ["ip4", "ip6"].filter(key => value[key] !== undefined && value[key] !== null)
  const ips = families.map(key => {
    const { ip, ...gateway } = decodeObject(value[key], key, { ip: "string", gateway: "string" })
    return { address: ip, ...gateway } as ResultIp
  })
  return {
    interfaces: [],
    ips,
    routes: families.flatMap(key => decodeList<ResultRoute>(value[key] as Json, "routes", ROUTE)),
    dns: decodeDns(value),
  }
}

function decodeList<T>(value: Json, key: string, types: Types): T[] {
  const list = value[key] ?? []
  if (!Array.isArray(list)) throw new ResultError(`${key} of the result is not a list`)
  return list.map(each => decodeObject(each, `${key}[]`, types) as T)
}

/** Copies the keys of `types`, without what is null or empty. */
function decodeObject(value: unknown, where: string, types: Types): Json {
  if (!isJsonObject(value)) throw new ResultError(`${where} of the result is not an object`)
  const keys = Object.keys(types)
  const object = pick(value, keys)
  for (const [key, type] of Object.entries(types)) {
    if (typeof object[key] !== type && (object[key] !== undefined || key === keys[0])) {
      throw new ResultError(`${where}.${key} of the result is not a ${type}`)
    }
    if (typeof object[key] === "number" && !Number.isSafeInteger(object[key])) {
      throw new ResultError(`${where}.${key} of the result is not an integer`)
    }
  }
  return object
}

const isString = (value: unknown): boolean => typeof value === "string"

function decodeDns(value: Json): ResultDns {
  const dns = value.dns ?? {}
  if (!isJsonObject(dns)) throw new ResultError("dns of the result is not an object")
  for (const key of DNS_KEYS) {
    const each = dns[key] ?? undefined
    const good = key === "domain" ? typeof each === "string" : Array.isArray(each) && each.every(isString)
    if (each !== undefined && !good) throw new ResultError(`dns.${key} of the result has the wrong type`)
  }
  return Object.fromEntries(Object.entries(dns).filter(([, each]) => each !== null)) as ResultDns
}
