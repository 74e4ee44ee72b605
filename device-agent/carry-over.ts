import { equalBytes } from '../runtime/protocol/handshake.ts';
import { isKnown } from '../runtime/tile/tile-hash.ts';
import type { RankTile, TilePlaces } from './tile-sources.ts';

/** A tile in the memory of a rank. */
export interface HeldTile {
  /** SHA-256; zeros if nobody has computed it. */
  readonly hash: Uint8Array;
  readonly bytes: Uint8Array;
}

/**
 * Copies what a device held in its last rank to its places in the next one. Both are of one session, whose model is one:
 * where a hash is not known, the tile is the same nevertheless.
 * @returns the hash of each tile that was copied
 */
export function carryOver(
  tiles: readonly RankTile[],
  previous: { heldTile(id: number): HeldTile | undefined } | undefined,
  places: TilePlaces,
): Map<number, Uint8Array> {
  const carried = new Map<number, Uint8Array>();
  if (!previous) return carried;
  for (const { spec, hash } of tiles) {
    const held = previous.heldTile(spec.id);
    if (!held || (isKnown(hash) && isKnown(held.hash) && !equalBytes(hash, held.hash))) continue;
    places.tileSlot(spec.id)?.set(held.bytes);
    carried.set(spec.id, held.hash);
  }
  return carried;
}
