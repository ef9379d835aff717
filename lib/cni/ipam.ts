/** The address plugin of an interface plugin: `ipam.type` of the configuration, run as a delegate (SPEC 1.1.0 §4). */
import { warn } from "../sys/trace.ts"
import { type DelegateContext, DelegateMissing, isPluginName, runDelegate, startDelegate } from "./delegate.ts"
import { CniCode, CniError } from "./errors.ts"
import { decodeResult, type Result } from "./result.ts"
import type { CniVersion } from "./versions.ts"

/** Address plugins that never look into the container's namespace, and so do not mind when its interface goes. */
const INDEPENDENT = ["host-local", "static"]

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

  /** Reserves addresses; the caller owes a del() even if this fails. @throws {CniError | DelegateMissing} */
  add(): Result {
    return this.#readResult(runDelegate(this.type, "ADD", this.#context))
  }

  #readResult(printed: unknown): Result {
    const result = decodeResult(printed ?? {}, this.#version)
    if (result.ips.length > 0) return result
    const details = `plugin ${this.type} gave no address`
    throw new CniError(CniCode.internal, "IPAM plugin returned missing IP config", details)
  }

  /** Releases the attachment's addresses. An address plugin that cannot be run has nothing to release; stderr says so. */
  del(): void {
    this.beginDel()()
  }

  /**
   * Does what del() does, and where the address plugin permits, begins at once and works while the caller does.
   * @returns a function that waits for the end, to be called once; it throws what del() throws
   */
  beginDel(): () => void {
    if (!isPluginName(this.type)) {
      return () => warn(`invalid plugin name: ${this.type}: it has no addresses to release`)
    }
    try {
      const finish = this.#startDel()
      return () => this.#tolerateMissing(finish)
    } catch (error) {
      return () =>
        this.#tolerateMissing(() => {
          throw error
        })
    }
  }

  #tolerateMissing(finish: () => unknown): void {
    try {
      finish()
    } catch (error) {
      if (!(error instanceof DelegateMissing)) throw error
      warn(`${error.message}: its addresses are not released`)
    }
  }

  #startDel(): () => unknown {
    if (INDEPENDENT.includes(this.type)) return startDelegate(this.type, "DEL", this.#context)
    return () => runDelegate(this.type, "DEL", this.#context)
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
