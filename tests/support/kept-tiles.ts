import { createHash } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { type KeptTile, keptTiles } from '../../device-agent/node/tile-files.ts';

/** The tiles that a process keeps in its `HEARTH_CACHE`. */
export function tilesIn(cache: string): KeptTile[] {
  const folder = join(cache, 'tiles');
  return existsSync(folder) ? keptTiles(folder) : [];
}

export function bytesOf(tiles: readonly KeptTile[]): number {
  return tiles.reduce((sum, { byteLength }) => sum + byteLength, 0);
}

/** Those of them whose content is not what their name says. */
export function damagedIn(cache: string): string[] {
  return tilesIn(cache)
    .filter(({ path }) => createHash('sha256').update(readFileSync(path)).digest('hex') !== basename(path))
    .map(({ path }) => path);
}
