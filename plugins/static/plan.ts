import type { StaticConfig } from "../../build/gen/static.ts"
import { CniCode, CniError } from "../../lib/cni/errors.ts"
import { isIpv6, type Result, type ResultIp, type ResultRoute } from "../../lib/cni/result.ts"
import { type CniVersion, compareVersions } from "../../lib/cni/versions.ts"
import { AddressError, formatAddress, parseAddress } from "../../lib/net/address.ts"
import { formatPrefix, parsePrefix, prefixContains } from "../../lib/net/prefix.ts"

/**
 * Decides the result of ADD. Dynamic addresses replace the configured ones: runtimeConfig.ips, else args.cni.ips; only
 * where neither is given does IP= of CNI_ARGS add to them, each with the last gateway of GATEWAY= that lies in its network.
 * @throws {CniError} code 7 for an address or a route that is none
 */
export function planStatic(config: StaticConfig, args: ReadonlyMap<string, string>, version: CniVersion): Result {
  const { addresses, routes, dns } = config.ipam
  const dynamic = [config.runtimeConfig?.ips, config.args?.cni?.ips].find(list => list !== undefined && list.length > 0)
  const ips = dynamic?.map(parseDynamic) ?? [...addresses.map(parseConfigured), ...parseArgs(args)]
  refuseSecondOfFamily(ips, version)
  return { interfaces: [], ips, routes: routes.map(parseRoute), dns: dns ?? {} }
}

function parseConfigured({ address, gateway }: { address: string; gateway?: string }): ResultIp {
  const expected = `the 'address' field is expected to be in CIDR notation, got: '${address}'`
  return {
    address: cidr(address, expected),
    ...(gateway && { gateway: parse(parseGateway, gateway, `invalid gateway address: ${gateway}`) }),
  }
}

function parseRoute({ dst, gw, ...metrics }: ResultRoute): ResultRoute {
  return {
    dst: cidr(dst, `invalid CIDR address: ${dst}`),
    ...(gw && { gw: parse(parseGateway, gw, `invalid IP address: ${gw}`) }),
    ...metrics,
  }
}

const parseDynamic = (text: string): ResultIp => ({
  address: cidr(text, `an entry in the 'ips' field is NOT in CIDR notation, got: '${text}'`),
})

function parseArgs(args: ReadonlyMap<string, string>): ResultIp[] {
  const gateways = listOf(args.get("GATEWAY")).map(text =>
    parse(parseAddress, text, `invalid gateway address: ${text}`),
  )
  return listOf(args.get("IP")).map(text => {
    const prefix = parse(parsePrefix, text, `the 'ip' field is expected to be in CIDR notation, got: '${text}'`)
    const gateway = gateways.findLast(each => prefixContains(prefix, each))
    return { address: formatPrefix(prefix), ...(gateway && { gateway: formatAddress(gateway) }) }
  })
}

const listOf = (text: string | undefined): string[] => (text ? text.split(",").map(each => each.trim()) : [])

const parseGateway = (text: string): string => formatAddress(parseAddress(text))

const cidr = (text: string, problem: string): string => parse(each => formatPrefix(parsePrefix(each)), text, problem)

function parse<T>(parser: (text: string) => T, text: string, problem: string): T {
  try {
    return parser(text)
  } catch (error) {
    if (error instanceof AddressError) throw new CniError(CniCode.invalidConfig, problem)
    throw error
  }
}

function refuseSecondOfFamily(ips: readonly ResultIp[], version: CniVersion): void {
  if (compareVersions(version, "0.3.0") >= 0) return
  const ipv6 = ips.filter(({ address }) => isIpv6(address)).length
  if (ipv6 < 2 && ips.length - ipv6 < 2) return
  const problem = `CNI version ${version} does not support more than 1 address per family`
  throw new CniError(CniCode.invalidConfig, problem, "name one address per family, or use cniVersion 0.3.1 or newer")
}
