/**
 * Waiting for the kernel to get somewhere: look, subscribe to the events that could tell of a change, look again, and from
 * then on after every event, until a deadline. Events are only a reason to look; nobody reads them.
 */
import type { NetlinkSocket } from "../netlink/socket.ts"
import { now } from "../sys/clock.ts"
import { isSysError } from "../sys/errors.ts"

/** What is waited for. */
export interface Wait<T> {
  /** RTNLGRP_…: the events to look after. */
  readonly group: number
  /** Asks for the state, by the socket that is waited on. */
  look(): T
  /** Tells whether the state is the one waited for. */
  isReached(state: T): boolean
  readonly timeoutMs: number
}

/**
 * Waits until a state is reached or the time is over, and returns the state as it was last seen, which the caller
 * has to look at: it may not be the one waited for.
 * @throws {NetlinkError} what looking throws
 */
export function waitFor<T>(socket: NetlinkSocket, wait: Wait<T>): T {
  const deadline = now() + wait.timeoutMs
  const state = wait.look()
  if (wait.isReached(state)) return state
  socket.join(wait.group)
  try {
    return lookAfterEvents(socket, wait, deadline)
  } finally {
    socket.leave(wait.group)
  }
}

function lookAfterEvents<T>(socket: NetlinkSocket, wait: Wait<T>, deadline: number): T {
  for (;;) {
    const state = lookDespiteLoss(socket, wait, deadline)
    if (wait.isReached(state) || !socket.waitEvent(deadline - now())) return state
  }
}

/** Looks, again if so many events came that the answer was dropped with them; after the deadline without events. */
function lookDespiteLoss<T>(socket: NetlinkSocket, wait: Wait<T>, deadline: number): T {
  for (;;) {
    try {
      return wait.look()
    } catch (error) {
      if (!isSysError(error, "ENOBUFS")) throw error
      // Nothing more is delivered until all that is waiting has been taken away.
      socket.leave(wait.group)
      if (now() > deadline) return wait.look()
      socket.join(wait.group)
    }
  }
}
