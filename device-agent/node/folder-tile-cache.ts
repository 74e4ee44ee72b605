import { createHash } from 'node:crypto';
import { closeSync, fstatSync, openSync, renameSync, statSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { assert, HearthError } from '../../runtime/error.ts';
import {
  isTileHash,
  type OpenTileOptions,
  type TileCache,
  type TileFile,
  type TileHash,
} from '../tile-cache.ts';
import { FolderTileFile } from './folder-tile-file.ts';
import {
  errnoOf,
  type KeptTile,
  makeFolder,
  noteUse,
  readFailed,
  readFrom,
  removeTile,
  tilePath,
} from './tile-files.ts';
import { newPartPath, partsFolder, removeDeadParts } from './tile-parts.ts';
import { TileRoom, type TileRoomOptions } from './tile-room.ts';

/**
 * Tiles as files of a folder, which threads and processes share without a lock: a file appears under its name when it
 * is whole, and is never changed.
 */
export class FolderTileCache implements TileCache {
  readonly #folder: string;
  readonly #room: TileRoom;
  #used = false;

  constructor(options: TileRoomOptions) {
    this.#folder = options.folder;
    this.#room = new TileRoom(options);
  }

  get capacityBytes(): number {
    return this.#room.maxBytes;
  }

  has(hash: TileHash, byteLength: number): boolean {
    const path = this.#pathOf(hash);
    return unlessUnreadable(() => findTile(path, byteLength)) !== undefined;
  }

  load(hash: TileHash, target: Uint8Array): boolean {
    const path = this.#pathOf(hash);
    const tile = unlessUnreadable(() => readTile(path, target));
    if (!tile) return false;
    if (tile.byteLength === target.length && createHash('sha256').update(target).digest('hex') === hash) {
      noteUse(path, tile.usedMs);
      return true;
    }
    removeTile(path);
    return false;
  }

  store(hash: TileHash, bytes: Uint8Array): void {
    const path = this.#pathOf(hash);
    const part = newPartPath(this.#folder);
    try {
      makeFolder(partsFolder(this.#folder));
      makeFolder(dirname(path));
      this.#room.take(bytes.length);
      // Nothing waits for the disk: should the power fail, `load` finds what was lost.
      writeFileSync(part, bytes, { flag: 'wx' });
      renameSync(part, path);
    } catch (cause) {
      removeTile(part);
      if (cause instanceof HearthError) throw cause;
      throw this.#room.failure(bytes.length, errnoOf(cause) ?? String(cause), cause);
    }
  }

  open(hash: TileHash, byteLength: number, options: OpenTileOptions = {}): TileFile | undefined {
    const path = this.#pathOf(hash);
    try {
      const tile = findTile(path, byteLength);
      return tile && new FolderTileFile(tile, options);
    } catch (error) {
      if (errnoOf(error) === 'ENOENT') return undefined;
      throw readFailed(path, error);
    }
  }

  #pathOf(hash: TileHash): string {
    assert(isTileHash(hash), 'a tile is named by its SHA-256');
    if (!this.#used) removeDeadParts(this.#folder);
    this.#used = true;
    return tilePath(this.#folder, hash);
  }
}

/** Looks for a tile that is about to be used. */
function findTile(path: string, byteLength: number): KeptTile | undefined {
  const stats = statSync(path, { throwIfNoEntry: false });
  if (stats?.size !== byteLength) return undefined;
  return { path, byteLength, usedMs: noteUse(path, stats.mtimeMs) };
}

/** Reads a file that has the length of the target. */
function readTile(path: string, target: Uint8Array): KeptTile {
  const descriptor = openSync(path, 'r');
  try {
    const { size, mtimeMs: usedMs } = fstatSync(descriptor);
    const byteLength = size === target.length ? readFrom(descriptor, target, size) : size;
    return { path, byteLength, usedMs };
  } finally {
    closeSync(descriptor);
  }
}

/** What cannot be read is as good as not there: it is fetched again, and `store` says if that is in vain. */
function unlessUnreadable<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch {
    return undefined;
  }
}
