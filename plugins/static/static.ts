/**
 * Hands out the addresses that the configuration or the runtime names. It keeps nothing: the addresses are the
 * administrator's to keep apart, so DEL and GC have nothing to remove and STATUS only reads the configuration.
 */
import { type StaticConfig, staticSchema } from "../../build/gen/static.ts"
import { CniCode, CniError } from "../../lib/cni/errors.ts"
import { type AddRequest, type CheckRequest, definePlugin, type Request } from "../../lib/cni/plugin.ts"
import type { Result } from "../../lib/cni/result.ts"
import { planStatic } from "./plan.ts"

const plan = (request: Request<StaticConfig>): Result =>
  planStatic(request.config, request.cniArgs("IP", "GATEWAY"), request.version)

function add(request: AddRequest<StaticConfig>): Result {
  return plan(request)
}

/** Every address that ADD would give must be in the final result, with its gateway. */
function check(request: CheckRequest<StaticConfig>): void {
  for (const { address, gateway } of plan(request).ips) {
    const found = request.prevResult.ips.some(
      ip => ip.address === address && (gateway === undefined || ip.gateway === gateway),
    )
    if (found) continue
    const wanted = gateway === undefined ? address : `${address} with gateway ${gateway}`
    const problem = `static: Failed to match addr ${wanted} on interface ${request.attachment.ifname}`
    throw new CniError(CniCode.internal, problem, "prevResult does not hold it: the configuration changed since ADD")
  }
}

function status(request: Request<StaticConfig>): void {
  plan(request)
}

/** The `static` address plugin. */
export const plugin = definePlugin({
  name: "static",
  schema: staticSchema,
  add,
  check,
  del: () => undefined,
  gc: () => undefined,
  status,
})
