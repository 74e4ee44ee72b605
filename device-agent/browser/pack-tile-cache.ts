import { HearthError } from '../../runtime/error.ts';
import { hashName } from '../../runtime/tile/tile-hash.ts';
import type { TileCache, TileFile, TileHash } from '../tile-cache.ts';
import { canShare, lockFiles, openPrivateFile, type PrivateFile } from './pack-files.ts';
import { type PackedTile, PackIndex } from './pack-index.ts';

export const packName = 'tiles';
const indexName = 'tiles.index';

/** Tiles that must stay where they are, for as long as a window reads them. */
interface Lease {
  readonly hashes: ReadonlySet<TileHash>;
  readonly isOver: () => boolean;
}

/**
 * Tiles in one file of the browser's, read straight into memory: to open a file takes a wait, to read one that is open
 * none. One tab at a time has it.
 */
export class PackTileCache implements TileCache {
  readonly capacityBytes: number;
  /** Whether other workers can read the file. */
  readonly streams: boolean;
  readonly #file: PrivateFile;
  readonly #index: PackIndex;
  #leases: readonly Lease[] = [];

  /** @param index a file that tells what lies in the other one */
  constructor(file: PrivateFile, index: PrivateFile, capacityBytes: number) {
    this.#file = file;
    this.#index = new PackIndex(index);
    this.capacityBytes = capacityBytes;
    this.streams = canShare(file);
  }

  /** @returns undefined where the browser keeps no files for this page, or another tab has them */
  static async open(capacityBytes: number): Promise<PackTileCache | undefined> {
    if (!isSecureContext || !(await lockFiles())) return undefined;
    try {
      const [file, index] = await Promise.all([openPrivateFile(packName), openPrivateFile(indexName)]);
      return new PackTileCache(file, index, capacityBytes);
    } catch {
      return undefined;
    }
  }

  has(hash: TileHash, byteLength: number): boolean {
    const isHere = this.#index.tiles.get(hash)?.byteLength === byteLength;
    if (isHere) this.#index.noteUse(hash);
    return isHere;
  }

  async load(hash: TileHash, target: Uint8Array): Promise<boolean> {
    const tile = this.#index.tiles.get(hash);
    if (tile?.byteLength !== target.length) return false;
    const bytes = new Uint8Array(target.length);
    if (this.#file.read(bytes, { at: tile.offset }) === bytes.length && (await nameOf(bytes)) === hash) {
      target.set(bytes);
      this.#index.noteUse(hash);
      return true;
    }
    this.#index.remove(hash);
    return false;
  }

  store(hash: TileHash, bytes: Uint8Array): void {
    if (this.has(hash, bytes.length)) return;
    const offset = this.#roomFor(bytes.length);
    let written: number | string;
    try {
      written = this.#file.write(bytes, { at: offset });
    } catch (error) {
      written = String(error);
    }
    if (written !== bytes.length) throw noRoom(bytes.length, this.capacityBytes, `written: ${written}`);
    this.#index.add(hash, offset, bytes.length);
  }

  open(hash: TileHash, byteLength: number): TileFile | undefined {
    const tile = this.#index.tiles.get(hash);
    return tile?.byteLength === byteLength ? packedFile(this.#file, tile) : undefined;
  }

  /** Keeps tiles where they are. @returns where that is */
  lease(hashes: readonly TileHash[], isOver: () => boolean): ReadonlyMap<TileHash, PackedTile> {
    this.#leases = [...this.#leases.filter((lease) => !lease.isOver()), { hashes: new Set(hashes), isOver }];
    const places = hashes.flatMap((hash): [TileHash, PackedTile][] => {
      const tile = this.#index.tiles.get(hash);
      return tile ? [[hash, tile]] : [];
    });
    return new Map(places);
  }

  /** @returns the offset of free bytes, for which the tiles that were used longest ago are forgotten */
  #roomFor(byteLength: number): number {
    const offset = this.#gapFor(byteLength);
    if (offset !== undefined) return offset;
    const leased = this.#leases.filter(({ isOver }) => !isOver());
    const mayGo = ([hash]: [TileHash, PackedTile]) => !leased.some(({ hashes }) => hashes.has(hash));
    const oldestFirst = [...this.#index.tiles].filter(mayGo).sort(([, a], [, b]) => a.usedMs - b.usedMs);
    for (const [hash] of oldestFirst) {
      this.#index.remove(hash);
      const freed = this.#gapFor(byteLength);
      if (freed !== undefined) return freed;
    }
    throw noRoom(byteLength, this.capacityBytes, 'no room');
  }

  #gapFor(byteLength: number): number | undefined {
    let end = 0;
    for (const tile of [...this.#index.tiles.values()].sort((a, b) => a.offset - b.offset)) {
      if (tile.offset - end >= byteLength) return end;
      end = Math.max(end, tile.offset + tile.byteLength);
    }
    return end + byteLength <= this.capacityBytes ? end : undefined;
  }
}

/** A tile in a pack that is open. */
export function packedFile(
  pack: PrivateFile,
  { offset, byteLength }: Pick<PackedTile, 'offset' | 'byteLength'>,
): TileFile {
  const read = (target: Uint8Array, byteOffset: number) => {
    const wanted = target.subarray(0, byteLength - byteOffset);
    const bytesRead = pack.read(wanted, { at: offset + byteOffset });
    if (bytesRead === wanted.length) return;
    const end = byteOffset + bytesRead;
    throw new HearthError('TILE_CORRUPT', `a tile of ${byteLength} bytes ended after ${end}`);
  };
  return {
    readInto: (target) => read(target, 0),
    readPart: read,
    close() {},
  };
}

/** By the browser's own code, which pages that may have files have too. */
async function nameOf(bytes: Uint8Array<ArrayBuffer>): Promise<TileHash> {
  return hashName(new Uint8Array(await crypto.subtle.digest('SHA-256', bytes)));
}

function noRoom(byteLength: number, capacityBytes: number, reason: string): HearthError {
  const message = `this browser cannot keep a tile of ${byteLength} bytes (${reason}): weights may take ${capacityBytes} here`;
  return new HearthError('CACHE_WRITE_FAILED', message, { byteLength, capacityBytes });
}
