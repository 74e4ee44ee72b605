/** Bytes of a tile's SHA-256. */
export const tileHashBytes = 32;

/**
 * A change in how tiles are cut or laid out raises this number: hashes that were remembered before are those of other
 * bytes.
 */
export const tileLayoutVersion = 2;

/** Of a tile that nobody has hashed yet. */
export const unknownHash: Uint8Array = new Uint8Array(tileHashBytes);

export function isKnown(hash: Uint8Array): boolean {
  return hash.some((byte) => byte !== 0);
}

/** One of several hashes that stand one after another. */
export function hashAt(hashes: Uint8Array, index: number): Uint8Array {
  return hashes.subarray(index * tileHashBytes, (index + 1) * tileHashBytes);
}

/** Lower-case hex digits. */
export function hashName(hash: Uint8Array): string {
  return Array.from(hash, (byte) => byte.toString(16).padStart(2, '0')).join('');
}
