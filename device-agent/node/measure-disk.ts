import { closeSync, fsyncSync, openSync, writeSync } from 'node:fs';
import { readRate } from './read-rate.ts';
import { errnoOf, keptTiles, makeFolder, removeTile } from './tile-files.ts';
import { newPartPath, partsFolder } from './tile-parts.ts';
import type { TileRoomOptions } from './tile-room.ts';

const milliseconds = 120;
/** Enough to be read for some time, if not for all of it. */
const enoughBytes = 16 << 20;

/**
 * How fast tiles that were kept can be read, in bytes a second: from those that there are, else from a file that is
 * written for it. Past the cache of files, where the system lets it; it blocks.
 * @returns 0 where nothing can be kept
 */
export function measureDisk({ folder, limitBytes }: TileRoomOptions): number {
  if (limitBytes < enoughBytes) return 0;
  let part: string | undefined;
  try {
    const kept = tilesIn(folder);
    if (kept.length === 0) part = writePart(folder);
    return rateOf(part ? [part] : kept);
  } catch {
    return 0;
  } finally {
    if (part) removeTile(part);
  }
}

/** @returns none if they are too few */
function tilesIn(folder: string): string[] {
  try {
    const tiles = keptTiles(folder).sort((a, b) => b.byteLength - a.byteLength);
    const bytes = tiles.reduce((sum, { byteLength }) => sum + byteLength, 0);
    return bytes < enoughBytes ? [] : tiles.map(({ path }) => path);
  } catch {
    return [];
  }
}

function writePart(folder: string): string {
  makeFolder(partsFolder(folder));
  const part = newPartPath(folder);
  const descriptor = openSync(part, 'wx');
  try {
    // Not zeros, which some disks do not write.
    const bytes = Uint8Array.from({ length: 1 << 20 }, (_, i) => (i * 7919) >> 8);
    for (let written = 0; written < enoughBytes; written += bytes.length) writeSync(descriptor, bytes);
    fsyncSync(descriptor);
  } catch (error) {
    removeTile(part);
    throw error;
  } finally {
    closeSync(descriptor);
  }
  return part;
}

function rateOf(paths: readonly string[]): number {
  try {
    return readRate(paths, { direct: true, milliseconds });
  } catch (error) {
    if (errnoOf(error) !== 'EINVAL') throw error;
    return readRate(paths, { direct: false, milliseconds });
  }
}
