/** Runs `body` and gives what it throws, for a look at more than the message. */
export function thrownBy(body: () => unknown): unknown {
  try {
    body()
  } catch (error) {
    return error
  }
  throw new Error("nothing was thrown")
}
