import { portableSha256, type Tile } from '../../runtime/protocol/tile-frame.ts';

/** A tile with the hash that it should have. */
export function hashedTile(id: number, bytes: Uint8Array): Tile {
  return { id, bytes, hash: portableSha256(bytes) };
}
