/** CNI specification versions: which we speak, and which verb needs which (SPEC 1.1.0 §2). */

/** Every version a configuration may name, oldest first. */
export const supportedVersions = ["0.1.0", "0.2.0", "0.3.0", "0.3.1", "0.4.0", "1.0.0", "1.1.0"] as const

/** A version we speak. */
export type CniVersion = (typeof supportedVersions)[number]

/** The newest version we speak. */
export const newestVersion: CniVersion = "1.1.0"

/** Tells whether `text` is exactly one of ours. */
export function isSupportedVersion(text: string): text is CniVersion {
  return (supportedVersions as readonly string[]).includes(text)
}

/** Compares two supported versions: negative if `a` is older. */
export function compareVersions(a: CniVersion, b: CniVersion): number {
  return supportedVersions.indexOf(a) - supportedVersions.indexOf(b)
}

/** A text is not a version. */
export class VersionError extends Error {
  override readonly name = "VersionError"
}

/**
 * Reads "1.2.3", "1.2" or "1" as three numbers; "" is 0.1.0, as in the reference library.
 * @throws {VersionError}
 */
export function parseVersion(text: string): readonly [number, number, number] {
  const parts = (text === "" ? "0.1.0" : text).split(".")
  const numbers = parts.map(part => (/^\d{1,9}$/.test(part) ? Number(part) : Number.NaN))
  if (parts.length > 3 || numbers.some(Number.isNaN)) throw new VersionError(`invalid version ${JSON.stringify(text)}`)
  return [numbers[0] ?? 0, numbers[1] ?? 0, numbers[2] ?? 0]
}

/** Tells whether version `text` is at least version `least`. @throws {VersionError} */
export function isAtLeast(text: string, least: string): boolean {
  const version = parseVersion(text)
  const limit = parseVersion(least)
  const at = version.findIndex((number, i) => number !== limit[i])
  return at < 0 || (version[at] ?? 0) > (limit[at] ?? 0)
}
