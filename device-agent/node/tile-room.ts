import { statfsSync } from 'node:fs';
import { HearthError } from '../../runtime/error.ts';
import { keptTiles, removeTile } from './tile-files.ts';

export interface TileRoomOptions {
  readonly folder: string;
  /** What all tiles together may take. */
  readonly limitBytes: number;
  /** What is left of the disk to others. Default 1 GiB. */
  readonly keepFreeBytes?: number;
  /** Free bytes on a folder's disk. */
  readonly freeBytes?: (folder: string) => number;
}

/** A writer looks at the folder once for so many of this part of its limit. */
const stepsPerLimit = 128;
/** What so many writers may store after their last looks stays unused, so that together they keep to the limit. */
const maxWriters = 8;

/**
 * Room in a folder of tiles that threads and processes fill at once. To look at thousands of files at every store would
 * be slow, and to count one's own stores alone wrong: a writer looks, forgets the tiles that were used longest ago, and
 * then stores a 128th of the limit (or one tile that is larger) before it looks again.
 */
export class TileRoom {
  readonly #folder: string;
  readonly #stepBytes: number;
  /** What all tiles together may take. */
  readonly maxBytes: number;
  readonly #keepFreeBytes: number;
  readonly #freeBytes: (folder: string) => number;
  #grantedBytes = 0;

  constructor({ folder, limitBytes, keepFreeBytes = 2 ** 30, freeBytes = freeDiskBytes }: TileRoomOptions) {
    this.#folder = folder;
    this.#stepBytes = Math.floor(limitBytes / stepsPerLimit);
    this.maxBytes = limitBytes - maxWriters * this.#stepBytes;
    this.#keepFreeBytes = keepFreeBytes;
    this.#freeBytes = freeBytes;
  }

  /**
   * Makes room for a tile that is about to be written. The folder is there.
   * @throws HearthError CACHE_WRITE_FAILED; whatever `fs` throws
   */
  take(byteLength: number): void {
    const spareBytes = this.#freeBytes(this.#folder) - this.#keepFreeBytes;
    if (byteLength > Math.min(this.#grantedBytes, spareBytes)) this.#makeRoom(byteLength, spareBytes);
    this.#grantedBytes -= byteLength;
  }

  #makeRoom(byteLength: number, spareBytes: number): void {
    const tiles = keptTiles(this.#folder).sort((a, b) => a.usedMs - b.usedMs);
    const usedBytes = tiles.reduce((sum, tile) => sum + tile.byteLength, 0);
    // Nothing is forgotten in vain.
    if (byteLength > Math.min(this.maxBytes, spareBytes + usedBytes))
      throw this.failure(byteLength, 'no room');

    const step = Math.max(byteLength, this.#stepBytes);
    const overLimit = usedBytes + step - this.maxBytes;
    const overDisk = byteLength + usedBytes / stepsPerLimit - spareBytes;
    let evictedBytes = 0;
    for (const tile of tiles) {
      if (evictedBytes >= Math.max(overLimit, overDisk)) break;
      if (removeTile(tile.path)) evictedBytes += tile.byteLength;
    }
    this.#grantedBytes = Math.min(step, this.maxBytes - usedBytes + evictedBytes);
    if (byteLength > Math.min(this.#grantedBytes, spareBytes + evictedBytes))
      throw this.failure(byteLength, 'tiles there cannot be removed');
  }

  /** The error for a tile that cannot be kept, with what may explain it. */
  failure(byteLength: number, reason: string, cause?: unknown): HearthError {
    const { keep, free } = { keep: this.#keepFreeBytes, free: this.#freeOrNothing() };
    const message =
      `cannot keep a tile of ${byteLength} bytes in ${this.#folder}: ${reason}. Its tiles may take ${this.maxBytes} ` +
      `bytes; ${free} are free on its disk, and ${keep} of them are left to others. ` +
      'Free some, let it be written, or name another folder in HEARTH_CACHE';
    const fields = { folder: this.#folder, byteLength, maxBytes: this.maxBytes, free, keep };
    return new HearthError('CACHE_WRITE_FAILED', message, fields, cause);
  }

  #freeOrNothing(): number {
    try {
      return this.#freeBytes(this.#folder);
    } catch {
      return 0;
    }
  }
}

function freeDiskBytes(folder: string): number {
  const { bavail, bsize } = statfsSync(folder);
  return bavail * bsize;
}
