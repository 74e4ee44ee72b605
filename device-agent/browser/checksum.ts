import { createXXHash64 } from 'hash-wasm';
import type { TileHash } from '../tile-cache.ts';

/**
 * Of a tile that a browser keeps, together with the name under which it does: 16 lower-case hexadecimal digits. A tile is
 * named by a cryptographic hash, which is checked when it comes; this one tells afterwards, in a hundredth of the time that
 * JavaScript would need for the other, whether its bytes have decayed or are another tile's.
 */
export type Checksum = (hash: TileHash, bytes: Uint8Array) => string;

/** xxHash, 64 bits, by WebAssembly. */
export async function startChecksum(): Promise<Checksum> {
  const hasher = await createXXHash64();
  return (hash, bytes) => hasher.init().update(hash).update(bytes).digest();
}
