/**
 * Bytes that do not have the promised shape, or values that have no bytes.
 * Who decodes or encodes a part names it with within(), so that the path grows from the inside out and costs nothing
 * while all is well.
 */
export class CodecError extends Error {
  override readonly name = "CodecError"
  /** Names the field, for example "link.linkinfo.kind"; "" where nobody named it. */
  readonly path: string
  readonly problem: string

  constructor(path: string, problem: string) {
    super(path ? `${path}: ${problem}` : problem)
    this.path = path
    this.problem = problem
  }
}

/** Returns a codec error as one of a field inside `part`, if that has a name; anything else thrown is returned as it is. */
export function within(part: string, error: unknown): unknown {
  if (!(error instanceof CodecError) || part === "") return error
  return new CodecError(error.path ? `${part}.${error.path}` : part, error.problem)
}
