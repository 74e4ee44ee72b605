import { sha256 as portableSha256 } from '@noble/hashes/sha2.js';
import { HearthError } from '../error.ts';
import { tileHashBytes } from '../tile/tile-hash.ts';
import { encodeFrame, type Frame, malformed } from './frame.ts';
import { equalBytes } from './handshake.ts';

/** SHA-256 of some bytes. Shells pass their platform's, several times as fast as the portable one. */
export type Sha256 = (bytes: Uint8Array) => Uint8Array;

export { portableSha256 };

export interface Tile {
  readonly id: number;
  /** SHA-256 of the bytes. */
  readonly hash: Uint8Array;
  /** A view into the message, 48 bytes behind its start. */
  readonly bytes: Uint8Array;
}

/**
 * A tile on its way to a device: its SHA-256, then its bytes.
 * @param configurationId for which it was wanted
 */
export function encodeTile(configurationId: number, { id, hash, bytes }: Tile): Uint8Array {
  return encodeFrame({ type: 'tile', flags: 0, index: 0, id, rows: configurationId }, hash, bytes);
}

/** @throws HearthError FRAME_MALFORMED, TILE_CORRUPT if the bytes are not those that were hashed */
export function decodeTile(frame: Frame, sha256: Sha256): Tile {
  if (frame.payload.length < tileHashBytes) throw malformed('a tile frame is shorter than its hash');
  const hash = frame.payload.subarray(0, tileHashBytes);
  const bytes = frame.payload.subarray(tileHashBytes);
  if (!equalBytes(sha256(bytes), hash)) {
    throw new HearthError('TILE_CORRUPT', `tile ${frame.id} arrived with other bytes than it was sent with`, {
      tile: frame.id,
    });
  }
  return { id: frame.id, hash, bytes };
}
