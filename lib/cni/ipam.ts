/** The address plugin of an interface plugin: `ipam.type` of the configuration, run as a delegate (SPEC 1.1.0 §4). */
import { isTracing, trace, warn } from "../sys/trace.ts"
import { type DelegateContext, DelegateMissing, isPluginName, runDelegate, startDelegate } from "./delegate.ts"
import { CniCode, CniError, describeChain } from "./errors.ts"
import { decodeResult, type Result } from "./result.ts"
import type { CniVersion } from "./versions.ts"

/** Address plugins that never look into the container's namespace, and so need not wait for its interface. */
const INDEPENDENT = ["host-local", "static"]

/** Runs one address plugin with the caller's stdin. */
export class Ipam {
  readonly type: string
  readonly #context: DelegateContext
  readonly #version: CniVersion
  /** Waits for what was begun. */
  #unfinished: (() => unknown) | undefined

  constructor(type: string, version: CniVersion, context: DelegateContext) {
    this.type = type
    this.#version = version
    this.#context = context
  }

  /**
   * Reserves addresses; the caller owes a del() even if this fails. Where the address plugin permits, it begins at once and
   * works while the caller does; else it begins when the returned function is called.
   * @returns a function that gives the result, to be called once
   * @throws {CniError | DelegateMissing} and so does the function, also if there is no address
   */
  beginAdd(): () => Result {
    const finish = this.#begin("ADD")
    return () => this.#readResult(finish())
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
    this.#abandon()
    if (!isPluginName(this.type)) {
      return () => warn(`invalid plugin name: ${this.type}: it has no addresses to release`)
    }
    try {
      const finish = this.#begin("DEL")
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

  #begin(verb: string): () => unknown {
    if (!INDEPENDENT.includes(this.type)) return () => runDelegate(this.type, verb, this.#context)
    const finish = startDelegate(this.type, verb, this.#context)
    this.#unfinished = finish
    return () => {
      this.#unfinished = undefined
      return finish()
    }
  }

  /** Waits for an ADD that nobody asks about any more, so that DEL finds all that it did. */
  #abandon(): void {
    const finish = this.#unfinished
    this.#unfinished = undefined
    try {
      finish?.()
    } catch (error) {
      if (isTracing()) trace(`the ${this.type} ADD that is taken back had failed: ${describeChain(error)}`)
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
