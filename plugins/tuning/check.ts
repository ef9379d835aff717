/** CHECK: every loss is told at once, in the reference's words. */
import type { TuningConfig } from "../../build/gen/tuning.ts"
import { CniCode, CniError } from "../../lib/cni/errors.ts"
import type { CheckRequest } from "../../lib/cni/interface-plugin.ts"
import type { Link } from "../../lib/rtnl/link.ts"
import { findRecorded, type TuningPlan } from "./plan.ts"
import { findReadable, isSameValue, type LinkSettings, missingOf, type Sysctls, settingsOf } from "./settings.ts"

/** Compares what is set with what ADD set. @throws {CniError} naming every difference */
export function checkSettings(request: CheckRequest<TuningConfig>, plan: TuningPlan): void {
  const { sandbox, attachment } = request
  const link = sandbox.rtnl.links.find(attachment.ifname)
  if (link === undefined) {
    throw new CniError(CniCode.internal, `Cannot find container link ${attachment.ifname}: not found`)
  }
  const problems = [
    ...linkProblems(request, plan, link),
    ...(Object.keys(plan.sysctls).length === 0 ? [] : sandbox.enter(() => sysctlProblems(plan.sysctls))),
  ]
  if (problems.length === 0) return
  const [first = "", ...others] = problems
  throw new CniError(CniCode.internal, first, others.join("; "))
}

/** A later plugin of the chain may have given the interface another MAC or MTU, which the final result tells. */
function linkProblems({ prevResult }: CheckRequest<TuningConfig>, plan: TuningPlan, link: Link): string[] {
  const present = settingsOf(link)
  const recorded = findRecorded(prevResult, link.name)
  const isRecorded = (name: string) =>
    recorded.some(({ mac, mtu }) =>
      name === "mac" ? mac?.toLowerCase() === present.mac : name === "mtu" && mtu === present.mtu,
    )
  const names = Object.keys(missingOf(plan.link, link)) as (keyof LinkSettings)[]
  return names
    .filter(name => !isRecorded(name))
    .map(name => {
      if (name === "promisc") return `Error: Tuning link ${link.name} configured promisc is true, current value is 0`
      const setting = { mac: "Ethernet", mtu: "MTU", allmulti: "all-multicast mode", txQLen: "Transmit Queue Length" }[
        name
      ]
      return `Error: Tuning configured ${setting} of ${link.name} is ${plan.link[name]}, current value is ${present[name]}`
    })
}

function sysctlProblems(sysctls: Sysctls): string[] {
  return Object.entries(sysctls).flatMap(([path, wanted]) => {
    const current = findReadable(path)
    if (current === undefined || isSameValue(current, wanted)) return []
    return [`Error: Tuning configured value of /proc/sys/${path} is ${wanted}, current value is ${current}`]
  })
}
