import { createHash } from 'node:crypto';
import type { TileHash } from '../../device-agent/tile-cache.ts';
import { Random } from '../support/random.ts';

export interface SeededTile {
  readonly hash: TileHash;
  readonly bytes: Uint8Array;
}

/** The same tile for a seed in every process. */
export function seededTile(seed: number, byteLength: number): SeededTile {
  const random = new Random(seed);
  const words = new Uint32Array(Math.ceil(byteLength / 4));
  for (let i = 0; i < words.length; i += 1) words[i] = random.uint32();
  const bytes = new Uint8Array(words.buffer, 0, byteLength);
  return { hash: createHash('sha256').update(bytes).digest('hex'), bytes };
}
