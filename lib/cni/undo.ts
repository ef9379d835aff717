/**
 * Rollback. Every thing that ADD makes is *shared* (`ensure…`, stays) or *own* (`create…`, owes an undo):
 * one atomic kernel request pushes its undo after it succeeded; anything with several steps, an executed program or a
 * remote party pushes before, and its undo tolerates that there is nothing to remove.
 */

/** Something that could not be taken back or removed, and why. */
export interface Residue {
  readonly what: string
  readonly error: unknown
}

/** How to take back what has been done so far, newest first. */
export class Undo {
  readonly #steps: { what: string; undo: () => void }[] = []

  /** Adds a step. `undo` must succeed if the thing is gone already. */
  push(what: string, undo: () => void): void {
    this.#steps.push({ what, undo })
  }

  /** Takes everything back; tries each step once, whatever the others do, and tells what failed. */
  unwind(): Residue[] {
    const residue: Residue[] = []
    for (let step = this.#steps.pop(); step; step = this.#steps.pop()) attempt(step.what, step.undo, residue)
    return residue
  }
}

function attempt(what: string, remove: () => void, residue: Residue[]): void {
  try {
    remove()
  } catch (error) {
    residue.push({ what, error })
  }
}

/** An ADD failed (the cause), and taking it back was not complete. */
export class IncompleteRollback extends Error {
  override readonly name = "IncompleteRollback"
  readonly residue: readonly Residue[]

  constructor(cause: unknown, residue: readonly Residue[]) {
    super("rollback was not complete", { cause })
    this.residue = residue
  }
}

/**
 * Runs `body`; if it throws, takes back what it did and throws the same error on.
 * @throws {IncompleteRollback} with the error as its cause, if something could not be taken back
 */
export function allOrNothing<T>(body: (undo: Undo) => T): T {
  const undo = new Undo()
  try {
    return body(undo)
  } catch (error) {
    const residue = undo.unwind()
    throw residue.length === 0 ? error : new IncompleteRollback(error, residue)
  }
}

/** DEL or GC could not remove things that are there. */
export class IncompleteRemoval extends Error {
  override readonly name = "IncompleteRemoval"
  readonly residue: readonly Residue[]

  constructor(residue: readonly Residue[]) {
    super("removal was not complete")
    this.residue = residue
  }
}

/** The removals of a DEL or a GC: each is tried, whatever the others do. */
export class Removals {
  readonly #residue: Residue[] = []

  /** Removes one thing; a failure is kept for finish(). `remove` must succeed if the thing is absent. */
  attempt(what: string, remove: () => void): void {
    attempt(what, remove, this.#residue)
  }

  /** @throws {IncompleteRemoval} if an attempt failed */
  finish(): void {
    if (this.#residue.length > 0) throw new IncompleteRemoval(this.#residue)
  }
}
