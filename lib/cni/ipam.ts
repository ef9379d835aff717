/** The address plugin of an interface plugin: `ipam.type` of the configuration, run as a delegate (SPEC 1.1.0 §4). */
import { warn } from "../sys/trace.ts"
import { type DelegateContext, DelegateMissing, isPluginName, runDelegate } from "./delegate.ts"
import { CniCode, CniError } from "./errors.ts"
import { decodeResult, type Result } from "./result.ts"
import type { CniVersion } from "./versions.ts"

/** Runs one address plugin with the caller's stdin. */
export class Ipam {
  readonly type: string
  readonly #context: DelegateContext
  readonly #version: CniVersion

  constructor(type: string, version: CniVersion, context: DelegateContext) {
    this.type = type
    this.#version = version
    this.#context = context
  }

  /** Reserves addresses; the caller owes a del() even if this fails. @throws {CniError} also if there is no address */
  add(): Result {
    const printed = runDelegate(this.type, "ADD", this.#context)
    const result = decodeResult(printed ?? {}, this.#version)
    if (result.ips.length === 0) {
      throw new CniError(
        CniCode.internal,
        "IPAM plugin returned missing IP config",
        `plugin ${this.type} gave no address`,
      )
    }
    return result
  }

  /** Releases the attachment's addresses. An address plugin that cannot be run has nothing to release; stderr says so. */
  del(): void {
    if (!isPluginName(this.type)) {
      warn(`invalid plugin name: ${this.type}: it has no addresses to release`)
      return
    }
    try {
      runDelegate(this.type, "DEL", this.#context)
    } catch (error) {
      if (!(error instanceof DelegateMissing)) throw error
      warn(`${error.message}: its addresses are not released`)
    }
  }

  /** Has the reservation checked. @throws {CniError} */
  check(): void {
    runDelegate(this.type, "CHECK", this.#context)
  }

  /** Has stale addresses of this network freed. @throws {CniError} */
  gc(): void {
    runDelegate(this.type, "GC", this.#context)
  }

  /** Asks whether addresses are to be had. @throws {CniError} code 50 if the address plugin is not installed */
  status(): void {
    try {
      runDelegate(this.type, "STATUS", this.#context)
    } catch (error) {
      throw error instanceof DelegateMissing ? new CniError(CniCode.notAvailable, error.message) : error
    }
  }
}
