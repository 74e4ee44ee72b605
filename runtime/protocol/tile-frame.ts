import { sha256 as portableSha256 } from '@noble/hashes/sha2.js';
import { HearthError } from '../error.ts';
import { encodeFrame, type Frame, malformed } from './frame.ts';
import { equalBytes } from './handshake.ts';

const hashBytes = 32;

/** SHA-256 of some bytes. Shells pass their platform's, several times as fast as the portable one. */
export type Sha256 = (bytes: Uint8Array) => Uint8Array;

export { portableSha256 };

export interface Tile {
  readonly id: number;
  /** A view into the message, 48 bytes behind its start. */
  readonly bytes: Uint8Array;
}

/** A tile on its way to a rank: its SHA-256, then its bytes. */
export function encodeTile(tile: Tile, sha256: Sha256): Uint8Array {
  return encodeFrame(
    { type: 'tile', flags: 0, index: 0, id: tile.id, rows: 0 },
    sha256(tile.bytes),
    tile.bytes,
  );
}

/** @throws HearthError FRAME_MALFORMED, TILE_CORRUPT if the bytes are not those that were hashed */
export function decodeTile(frame: Frame, sha256: Sha256): Tile {
  if (frame.payload.length < hashBytes) throw malformed('a tile frame is shorter than its hash');
  const bytes = frame.payload.subarray(hashBytes);
  if (!equalBytes(sha256(bytes), frame.payload.subarray(0, hashBytes))) {
    throw new HearthError('TILE_CORRUPT', `tile ${frame.id} arrived with other bytes than it was sent with`, {
      tile: frame.id,
    });
  }
  return { id: frame.id, bytes };
}
