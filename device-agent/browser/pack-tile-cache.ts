import { HearthError } from '../../runtime/error.ts';
import type { TileCache, TileFile, TileHash } from '../tile-cache.ts';
import type { Checksum } from './checksum.ts';
import { canShare, lockFiles, openPrivateFile, type PrivateFile } from './pack-files.ts';
import { type PackedTile, PackIndex } from './pack-index.ts';

export const packName = 'tiles';
const indexName = 'tiles.index';

/** Some 50 ms of reading. */
const turnBytes = 64 << 20;

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
  readonly #checksum: Checksum;
  #leases: readonly Lease[] = [];
  /** Read since this worker has last heard of anything else. */
  #unturnedBytes = 0;

  /** @param index a file that tells what lies in the other one */
  constructor(file: PrivateFile, index: PrivateFile, capacityBytes: number, checksum: Checksum) {
    this.#file = file;
    this.#index = new PackIndex(index);
    this.capacityBytes = capacityBytes;
    this.#checksum = checksum;
    this.streams = canShare(file);
  }

  /** @returns undefined where the browser keeps no files for this page, or another tab has them */
  static async open(capacityBytes: number, checksum: Checksum): Promise<PackTileCache | undefined> {
    if (!isSecureContext || !(await lockFiles())) return undefined;
    try {
      const [file, index] = await Promise.all([openPrivateFile(packName), openPrivateFile(indexName)]);
      return new PackTileCache(file, index, capacityBytes, checksum);
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
    const isWhole = this.#file.read(target, { at: tile.offset }) === target.length;
    const isSound = isWhole && this.#checksum(hash, target) === tile.checksum;
    if (isSound) this.#index.noteUse(hash);
    else this.#index.remove(hash);
    this.#unturnedBytes += target.length;
    if (this.#unturnedBytes >= turnBytes) await this.#turn();
    return isSound;
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
    this.#index.add(hash, { offset, byteLength: bytes.length, checksum: this.#checksum(hash, bytes) });
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

  /** To read takes no wait, in which others could start, the link ask for something, or the rank be closed. */
  #turn(): Promise<void> {
    this.#unturnedBytes = 0;
    return new Promise((resolve) => setTimeout(resolve));
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

function noRoom(byteLength: number, capacityBytes: number, reason: string): HearthError {
  const message = `this browser cannot keep a tile of ${byteLength} bytes (${reason}): weights may take ${capacityBytes} here`;
  return new HearthError('CACHE_WRITE_FAILED', message, { byteLength, capacityBytes });
}
