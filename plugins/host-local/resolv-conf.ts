/** The format of resolv.conf(5), as far as a result's DNS part has a place for it. */
import type { ResultDns } from "../../lib/cni/result.ts"

/** Reads name servers, domain (the last one counts), search domains and options, in order; other lines count for nothing. */
export function parseResolvConf(text: string): ResultDns {
  const nameservers: string[] = []
  const search: string[] = []
  const options: string[] = []
  let domain: string | undefined
  for (const line of text.split("\n")) {
    const [keyword, ...values] = line.trim().split(/\s+/)
    const [first] = values
    if (first === undefined) continue
    if (keyword === "nameserver") nameservers.push(first)
    else if (keyword === "domain") domain = first
    else if (keyword === "search") search.push(...values)
    else if (keyword === "options") options.push(...values)
  }
  return { nameservers, ...(domain !== undefined && { domain }), search, options }
}
