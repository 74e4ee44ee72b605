import type { TileCache } from '../../device-agent/tile-cache.ts';
import { assert } from '../../runtime/error.ts';

/** Tiles kept in memory. Nothing streams from it. */
export class MemoryCache implements TileCache {
  readonly capacityBytes: number;
  readonly tiles = new Map<string, Uint8Array>();

  /** @param capacityBytes what it says; it keeps all */
  constructor(capacityBytes = Number.MAX_SAFE_INTEGER) {
    this.capacityBytes = capacityBytes;
  }

  has(hash: string, byteLength: number): boolean {
    return this.tiles.get(hash)?.length === byteLength;
  }

  load(hash: string, target: Uint8Array): boolean {
    const tile = this.tiles.get(hash);
    if (tile?.length !== target.length) return false;
    target.set(tile);
    return true;
  }

  store(hash: string, bytes: Uint8Array): void {
    this.tiles.set(hash, Uint8Array.from(bytes));
  }

  open(): undefined {
    assert(false, 'a cache to load from, not to stream');
  }
}
