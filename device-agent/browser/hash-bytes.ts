import { portableSha256 } from '../../runtime/protocol/tile-frame.ts';
import { hashName } from '../../runtime/tile/tile-hash.ts';
import type { TileHash } from '../tile-cache.ts';

/**
 * The name of a tile by its bytes. By the browser's own code, several times as fast; pages from plain `http://`
 * addresses have none.
 * @param bytes that nobody changes meanwhile
 */
export async function hashBytes(bytes: Uint8Array): Promise<TileHash> {
  const subtle = globalThis.crypto.subtle as SubtleCrypto | undefined;
  const isOwn = bytes.buffer instanceof ArrayBuffer;
  if (!subtle || !isOwn) return hashName(portableSha256(bytes));
  return hashName(new Uint8Array(await subtle.digest('SHA-256', bytes as Uint8Array<ArrayBuffer>)));
}
