import { allOrNothing, IncompleteRemoval, IncompleteRollback, Removals, Undo } from "../../../lib/cni/undo.ts"
import { thrownBy } from "../../kit/thrown.ts"

const fail = (message: string) => () => {
  throw new Error(message)
}

describe("Undo", () => {
  test("takes back newest first", () => {
    const undo = new Undo()
    const done: string[] = []
    for (const step of ["bridge", "veth", "lease"]) undo.push(step, () => done.push(step))
    expect(undo.unwind()).toEqual([])
    expect(done).toEqual(["lease", "veth", "bridge"])
  })

  test("goes on after a failure, and tells it", () => {
    const undo = new Undo()
    const done: string[] = []
    undo.push("veth", () => done.push("veth"))
    undo.push("lease", fail("no answer"))
    undo.push("route", () => done.push("route"))
    expect(undo.unwind()).toEqual([{ what: "lease", error: new Error("no answer") }])
    expect(done).toEqual(["route", "veth"])
  })

  test("tries each step once", () => {
    const undo = new Undo()
    const step = jest.fn(fail("no answer"))
    undo.push("lease", step)
    expect(undo.unwind()).toHaveLength(1)
    expect(undo.unwind()).toEqual([])
    expect(step).toHaveBeenCalledTimes(1)
  })
})

describe("allOrNothing", () => {
  test("keeps what was done if all went well", () => {
    const step = jest.fn()
    const result = allOrNothing(undo => {
      undo.push("veth", step)
      return "result"
    })
    expect(result).toBe("result")
    expect(step).not.toHaveBeenCalled()
  })

  test("takes everything back and throws the same error on", () => {
    const step = jest.fn()
    const cause = new Error("no address")
    const attempt = () =>
      allOrNothing(undo => {
        undo.push("veth", step)
        throw cause
      })
    expect(attempt).toThrow(cause)
    expect(step).toHaveBeenCalledTimes(1)
  })

  test("tells what could not be taken back, with the first error as the cause", () => {
    const cause = new Error("no address")
    const thrown = thrownBy(() =>
      allOrNothing(undo => {
        undo.push("veth", fail("busy"))
        throw cause
      }),
    )
    expect(thrown).toBeInstanceOf(IncompleteRollback)
    expect(thrown).toMatchObject({ cause, residue: [{ what: "veth", error: new Error("busy") }] })
  })
})

describe("Removals", () => {
  test("tries every removal and then throws what failed, in order", () => {
    const removals = new Removals()
    const done: string[] = []
    removals.attempt("veth", fail("busy"))
    removals.attempt("lease", () => done.push("lease"))
    removals.attempt("rules", fail("locked"))
    removals.attempt("file", () => done.push("file"))
    expect(done).toEqual(["lease", "file"])
    const thrown = thrownBy(() => removals.finish())
    expect(thrown).toBeInstanceOf(IncompleteRemoval)
    expect(thrown).toMatchObject({
      residue: [
        { what: "veth", error: new Error("busy") },
        { what: "rules", error: new Error("locked") },
      ],
    })
  })

  test("is content if nothing failed", () => {
    const removals = new Removals()
    removals.attempt("veth", () => undefined)
    expect(() => removals.finish()).not.toThrow()
    expect(() => new Removals().finish()).not.toThrow()
  })
})
