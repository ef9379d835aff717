/**
 * A plugin that makes or changes interfaces: its verbs are given the host's namespace and the container's besides, both opened
 * on first use. An address plugin needs neither, and its executable carries nothing of routing netlink.
 */
import { openRtnl, type Rtnl, Sandbox } from "../host/sandbox.ts"
import type { ConfigSchema } from "./config.ts"
import type * as protocol from "./plugin.ts"
import type { Result } from "./result.ts"
import type { Removals, Undo } from "./undo.ts"

/** The namespace the plugin runs in. */
export interface OnHost {
  /** Routing netlink in the host's namespace. */
  readonly host: Rtnl
}

/** STATUS. */
export type StatusRequest<C> = protocol.StatusRequest<C> & OnHost
/** GC. */
export type GcRequest<C> = protocol.GcRequest<C> & OnHost
/** ADD. */
export type AddRequest<C> = protocol.AddRequest<C> & OnHost & { readonly sandbox: Sandbox }
/** CHECK. */
export type CheckRequest<C> = protocol.CheckRequest<C> & OnHost & { readonly sandbox: Sandbox }
/** DEL; the sandbox is undefined where the namespace is gone or was not named. */
export type DelRequest<C> = protocol.DelRequest<C> & OnHost & { readonly sandbox: Sandbox | undefined }

/** An interface plugin or a chained one; each verb as protocol.Plugin says. */
export interface InterfacePlugin<C> {
  readonly name: string
  readonly schema: ConfigSchema<C>
  add(request: AddRequest<C>, undo: Undo): Result
  del(request: DelRequest<C>, removals: Removals): void
  check(request: CheckRequest<C>): void
  gc(request: GcRequest<C>, removals: Removals): void
  status(request: StatusRequest<C>): void
}

/** Declares a plugin that makes or changes interfaces. */
export function defineInterfacePlugin<C>(plugin: InterfacePlugin<C>): protocol.Plugin<C> {
  return {
    name: plugin.name,
    schema: plugin.schema,
    add: (request, undo) => plugin.add(withSandbox(request), undo),
    del: (request, removals) => plugin.del(withSandboxIfThere(request), removals),
    check: request => plugin.check(withSandbox(request)),
    gc: (request, removals) => plugin.gc(withHost(request), removals),
    status: request => plugin.status(withHost(request)),
  }
}

function withHost<R extends object>(request: R): R & OnHost {
  let host: Rtnl | undefined
  const namespaces = {
    get host() {
      host ??= openRtnl()
      return host
    },
  }
  return Object.assign(namespaces, request)
}

function withSandbox<R extends { readonly netns: string }>(request: R) {
  return Object.assign(withHost(request), { sandbox: new Sandbox(request.netns) })
}

function withSandboxIfThere<R extends { readonly netns: string | undefined }>(request: R) {
  const sandbox = request.netns === undefined ? undefined : new Sandbox(request.netns)
  return Object.assign(withHost(request), { sandbox })
}
