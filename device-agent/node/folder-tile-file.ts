import { closeSync, constants, openSync, readFileSync } from 'node:fs';
import { basename } from 'node:path';
import { assert, HearthError } from '../../runtime/error.ts';
import { directBlockBytes, type OpenTileOptions, type TileFile } from '../tile-cache.ts';
import { errnoOf, type KeptTile, noteUse, readFailed, readFrom } from './tile-files.ts';

/**
 * A tile's file with its descriptor, so that it can be read even when another process has removed it. Where descriptors
 * are short it is opened for every read instead.
 */
export class FolderTileFile implements TileFile {
  readonly #path: string;
  readonly #byteLength: number;
  readonly #blockBytes: number;
  #direct: boolean;
  #notedMs: number;
  #descriptor: number | undefined;
  #closed = false;

  /** @throws what `openSync` throws, except that descriptors are short */
  constructor({ path, byteLength, usedMs }: KeptTile, { direct = false }: OpenTileOptions) {
    this.#path = path;
    this.#byteLength = byteLength;
    this.#blockBytes = direct ? directBlockBytes : 1;
    this.#direct = direct;
    this.#notedMs = usedMs;
    this.#hold();
  }

  readInto(target: Uint8Array): void {
    assert(!this.#closed, 'a tile that is read is open');
    assert(target.byteOffset % this.#blockBytes === 0, 'direct reads go to whole blocks of memory');
    const lengthInBlocks = Math.ceil(this.#byteLength / this.#blockBytes) * this.#blockBytes;
    assert(target.length >= lengthInBlocks, 'a tile is read into enough memory');
    this.#readUsed(target, 0);
  }

  readPart(target: Uint8Array, byteOffset: number): void {
    assert(!this.#closed, 'a tile that is read is open');
    assert(byteOffset < this.#byteLength, 'a part of the tile', byteOffset);
    const isWhole = (bytes: number) => bytes % this.#blockBytes === 0;
    const whole = isWhole(target.byteOffset) && isWhole(target.length) && isWhole(byteOffset);
    assert(whole, 'direct reads are of whole blocks', byteOffset, target.length);
    this.#readUsed(target, byteOffset);
  }

  #readUsed(target: Uint8Array, byteOffset: number): void {
    this.#notedMs = noteUse(this.#path, this.#notedMs);
    try {
      this.#read(target, byteOffset);
    } catch (error) {
      throw this.#failure(error);
    }
  }

  close(): void {
    this.#closed = true;
    this.#release();
  }

  #read(target: Uint8Array, byteOffset: number): void {
    try {
      this.#readOnce(target, byteOffset);
    } catch (error) {
      if (!this.#direct || errnoOf(error) !== 'EINVAL') throw error;
      // This file system takes the flag and does not mean it, or wants larger blocks.
      this.#direct = false;
      this.#release();
      this.#hold();
      this.#readOnce(target, byteOffset);
    }
  }

  #readOnce(target: Uint8Array, byteOffset: number): void {
    const descriptor = this.#descriptor ?? this.#open();
    try {
      const blockBytes = this.#direct ? directBlockBytes : 1;
      const enough = Math.min(target.length, this.#byteLength - byteOffset);
      const length = Math.ceil(enough / blockBytes) * blockBytes;
      const bytesRead = readFrom(descriptor, target, length, enough, byteOffset);
      if (bytesRead < enough) throw this.#corrupt(`ends at byte ${byteOffset + bytesRead}`);
    } finally {
      if (descriptor !== this.#descriptor) closeSync(descriptor);
    }
  }

  #hold(): void {
    try {
      this.#descriptor = this.#open();
    } catch (error) {
      if (!['EMFILE', 'ENFILE'].includes(errnoOf(error) ?? '')) throw error;
    }
    if (this.#descriptor !== undefined && this.#descriptor >= maxDescriptor()) this.#release();
  }

  #open(): number {
    if (this.#direct) {
      try {
        // Where there is no such flag it is undefined and changes nothing.
        return openSync(this.#path, constants.O_RDONLY | constants.O_DIRECT);
      } catch (error) {
        if (errnoOf(error) !== 'EINVAL') throw error;
        this.#direct = false;
      }
    }
    return openSync(this.#path, constants.O_RDONLY);
  }

  #release(): void {
    if (this.#descriptor !== undefined) closeSync(this.#descriptor);
    this.#descriptor = undefined;
  }

  #failure(error: unknown): HearthError {
    if (error instanceof HearthError) return error;
    return errnoOf(error) === 'ENOENT' ? this.#corrupt('was removed') : readFailed(this.#path, error);
  }

  #corrupt(what: string): HearthError {
    const tile = `tile ${basename(this.#path)} of ${this.#byteLength} bytes`;
    const message = `${tile} ${what} while it was in use: fetch it again`;
    return new HearthError('TILE_CORRUPT', message, { path: this.#path });
  }
}

let foundMax: number | undefined;

/**
 * Descriptors are numbered without gaps over all threads of a process: one at three quarters of their limit says that
 * the rest is for sockets and other files.
 */
function maxDescriptor(): number {
  foundMax ??= Math.floor(descriptorLimit() * 0.75);
  return foundMax;
}

/** As Linux tells it; what systems that do not tell allow at least. */
function descriptorLimit(): number {
  try {
    return Number(/^Max open files +(\d+)/m.exec(readFileSync('/proc/self/limits', 'latin1'))?.[1] ?? 1024);
  } catch {
    return 1024;
  }
}
