import { createHash } from 'node:crypto';
import { mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach } from 'vitest';
import { FolderTileCache } from '../../device-agent/node/folder-tile-cache.ts';
import { keptTiles } from '../../device-agent/node/tile-files.ts';
import type { TileRoomOptions } from '../../device-agent/node/tile-room.ts';
import type { TileHash } from '../../device-agent/tile-cache.ts';
import { seededTile } from './seeded-tile.ts';

/** A folder that is there for the length of a test. */
export function testFolder(): { readonly path: string } {
  const folder = { path: '' };
  beforeEach(() => {
    folder.path = mkdtempSync(join(tmpdir(), 'hearth-tiles-'));
  });
  afterEach(() => rmSync(folder.path, { recursive: true, force: true }));
  return folder;
}

/** A cache on a disk as large as it likes. */
export function cacheAt(folder: string, options: Partial<TileRoomOptions> = {}): FolderTileCache {
  return new FolderTileCache({ folder, limitBytes: 1e9, freeBytes: () => 1e12, ...options });
}

/** Stores tiles of some length, of the seeds from `firstSeed` on. */
export function storeTiles(
  cache: FolderTileCache,
  count: number,
  byteLength: number,
  firstSeed = 0,
): TileHash[] {
  return Array.from({ length: count }, (_, i) => {
    const { hash, bytes } = seededTile(firstSeed + i, byteLength);
    cache.store(hash, bytes);
    return hash;
  });
}

/** Memory as ranks have it, from an address that is no multiple of anything. */
export function sharedTarget(byteLength: number, byteOffset = 4099): Uint8Array {
  const pages = Math.ceil((byteOffset + byteLength) / 65536);
  const memory = new WebAssembly.Memory({ initial: pages, maximum: pages, shared: true });
  return new Uint8Array(memory.buffer, byteOffset, byteLength);
}

export function sha256(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}

/** Bytes of all tiles in a folder. */
export function usedBytes(folder: string): number {
  return keptTiles(folder).reduce((sum, tile) => sum + tile.byteLength, 0);
}

/** Paths of all files in a folder and its folders, with their lengths. */
export function filesIn(folder: string): Map<string, number> {
  const entries = readdirSync(folder, { recursive: true, encoding: 'utf8' });
  const files = entries.map((name) => [name, statSync(join(folder, name))] as const);
  return new Map(files.flatMap(([name, stats]) => (stats.isFile() ? [[name, stats.size]] : [])));
}
