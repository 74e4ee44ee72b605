import { lstatSync, mkdirSync, readdirSync, readSync, unlinkSync, utimesSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { HearthError } from '../../runtime/error.ts';
import { isNewUse, isTileHash, type TileHash } from '../tile-cache.ts';

/** The file of a tile, in a folder that lists quickly. Its time of modification is that of its last use. */
export function tilePath(folder: string, hash: TileHash): string {
  return join(folder, hash.slice(0, 2), hash);
}

/** Makes a folder and those that it lies in. A recursive `mkdirSync` alone says ENOENT where a disk may only be read. */
export function makeFolder(path: string): void {
  try {
    mkdirSync(path);
  } catch (error) {
    if (errnoOf(error) === 'EEXIST') return;
    if (errnoOf(error) !== 'ENOENT') throw error;
    makeFolder(dirname(path));
    mkdirSync(path, { recursive: true });
  }
}

export interface KeptTile {
  readonly path: string;
  readonly byteLength: number;
  readonly usedMs: number;
}

/** All tiles in a folder; what else lies there is not ours to count or remove. */
export function keptTiles(folder: string): KeptTile[] {
  return readdirSync(folder)
    .filter((name) => /^[0-9a-f]{2}$/.test(name))
    .map((name) => join(folder, name))
    .flatMap((group) => readdirSync(group).flatMap((name) => keptTile(group, name)));
}

/** @returns nothing for other files, and if another process has just removed it */
function keptTile(group: string, name: string): KeptTile[] {
  if (!isTileHash(name)) return [];
  const path = join(group, name);
  // What cannot be read takes room too.
  const stats = lstatSync(path, { throwIfNoEntry: false });
  return stats ? [{ path, byteLength: stats.size, usedMs: stats.mtimeMs }] : [];
}

/**
 * Notes that a tile is used now, unless that was noted within the last minute.
 * @returns when a use was noted last, in milliseconds since 1970
 */
export function noteUse(path: string, notedMs: number): number {
  const nowMs = Date.now();
  if (!isNewUse(notedMs, nowMs)) return notedMs;
  try {
    utimesSync(path, nowMs / 1000, nowMs / 1000);
  } catch {
    // It was evicted, or may only be read: then it looks unused.
  }
  return nowMs;
}

/**
 * Reads a file from its start, or from a byte of it on. One `read` may give less than it is asked for.
 * @returns how many bytes there were, at most `length`, or more than `enough`
 */
export function readFrom(
  fd: number,
  target: Uint8Array,
  length: number,
  enough = length,
  byteOffset = 0,
): number {
  let filled = 0;
  while (filled < enough) {
    const bytesRead = readSync(fd, target, filled, length - filled, byteOffset + filled);
    if (bytesRead === 0) break;
    filled += bytesRead;
  }
  return filled;
}

/** @returns whether it is gone: another process may have removed it, and some systems keep files that are open */
export function removeTile(path: string): boolean {
  try {
    unlinkSync(path);
    return true;
  } catch (error) {
    return errnoOf(error) === 'ENOENT';
  }
}

/** Such as `ENOENT`. */
export function errnoOf(error: unknown): string | undefined {
  return (error as NodeJS.ErrnoException).code;
}

export function readFailed(path: string, cause: unknown): HearthError {
  const message =
    `cannot read ${path}: ${errnoOf(cause) ?? cause}; ` +
    'check the disk and the permissions, or name another folder in HEARTH_CACHE';
  return new HearthError('FILE_READ_FAILED', message, { path }, cause);
}
