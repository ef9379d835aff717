/** Tells whether this machine keeps the least significant byte of a number first. */
export const hostIsLittleEndian = new Uint8Array(new Uint16Array([1]).buffer)[0] === 1
