/**
 * What a plugin is: a record of functions, one for each verb (SPEC 1.1.0 §2), and what they are given by the protocol alone.
 * Address plugins are defined here; interface-plugin.ts adds the two network namespaces.
 */
import type { Attachment } from "../host/owner.ts"
import type { ConfigSchema } from "./config.ts"
import type { Ipam } from "./ipam.ts"
import type { Result } from "./result.ts"
import type { Removals, Undo } from "./undo.ts"
import type { CniVersion } from "./versions.ts"

/** What every verb is given. */
export interface Request<C> {
  /** The configuration after defaults. */
  readonly config: C
  /** The network's name. */
  readonly network: string
  readonly version: CniVersion
  /** The address plugin; undefined if the configuration names none. */
  readonly ipam: Ipam | undefined
  /** Reads CNI_ARGS for the keys a plugin knows. @throws {CniError} code 4 */
  cniArgs(...known: string[]): ReadonlyMap<string, string>
}

/** STATUS is about the configuration alone. */
export type StatusRequest<C> = Request<C>

/** ADD. */
export interface AddRequest<C> extends Request<C> {
  readonly attachment: Attachment
  /** CNI_NETNS word for word: the container's namespace, which existed and was not the host's when the verb began. */
  readonly netns: string
  /** The chain's result so far; undefined for the first plugin. */
  readonly prevResult: Result | undefined
}

/** CHECK. */
export interface CheckRequest<C> extends AddRequest<C> {
  /** The chain's final result. */
  readonly prevResult: Result
}

/** DEL. */
export interface DelRequest<C> extends Request<C> {
  readonly attachment: Attachment
  /** Undefined where the namespace is gone or was not named. */
  readonly netns: string | undefined
  /** The chain's final result; undefined where the runtime has lost it. */
  readonly prevResult: Result | undefined
}

/** GC: everything of this network that belongs to no attachment in `valid` is stale. */
export interface GcRequest<C> extends Request<C> {
  readonly valid: readonly Attachment[]
}

/** A plugin. What a function throws is undone and reported as lib/cni/run.ts says. */
export interface Plugin<C> {
  readonly name: string
  readonly schema: ConfigSchema<C>
  /** Makes the attachment; owes `undo` a step for each own thing. */
  add(request: AddRequest<C>, undo: Undo): Result
  /** Removes the attachment with no memory of ADD, each thing by an attempt of `removals`. */
  del(request: DelRequest<C>, removals: Removals): void
  /** Throws if what ADD made is not there; changes nothing. */
  check(request: CheckRequest<C>): void
  /** Removes this network's stale things, each by an attempt of `removals`. */
  gc(request: GcRequest<C>, removals: Removals): void
  /** Throws if an ADD could not succeed now; changes nothing. */
  status(request: StatusRequest<C>): void
}

/** Declares a plugin. */
export function definePlugin<C>(plugin: Plugin<C>): Plugin<C> {
  return plugin
}
