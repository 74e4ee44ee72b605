import { hashName } from '../../runtime/tile/tile-hash.ts';
import { isNewUse, type TileHash } from '../tile-cache.ts';
import type { PrivateFile } from './pack-files.ts';

/** Where a tile lies in the pack. */
export interface PackedTile {
  readonly offset: number;
  readonly byteLength: number;
  /** In milliseconds since 1970. */
  usedMs: number;
  /** Of its record in the index. */
  readonly record: number;
}

/** 32 bytes of hash, then offset, length and last use, float64. A length of 0 is a free record. */
const recordBytes = 64;
const hashBytes = 32;

/**
 * Which tiles lie where in the pack: in memory, and in a file for the next time. What the two files say may not agree
 * after a tab has died; whoever reads a tile checks its hash.
 */
export class PackIndex {
  readonly #file: PrivateFile;
  readonly #tiles = new Map<TileHash, PackedTile>();
  readonly #free: number[] = [];
  #records: number;

  constructor(file: PrivateFile) {
    this.#file = file;
    const bytes = new Uint8Array(file.getSize());
    file.read(bytes, { at: 0 });
    this.#records = Math.floor(bytes.length / recordBytes);
    for (let record = 0; record < this.#records; record += 1)
      this.#readRecord(bytes.subarray(record * recordBytes, (record + 1) * recordBytes), record);
  }

  get tiles(): ReadonlyMap<TileHash, PackedTile> {
    return this.#tiles;
  }

  add(hash: TileHash, offset: number, byteLength: number): void {
    const record = this.#free.pop() ?? this.#records++;
    const tile = { offset, byteLength, usedMs: Date.now(), record };
    this.#tiles.set(hash, tile);
    this.#write(record, hash, tile);
  }

  remove(hash: TileHash): void {
    const tile = this.#tiles.get(hash);
    if (!tile) return;
    this.#tiles.delete(hash);
    this.#free.push(tile.record);
    this.#file.write(new Uint8Array(recordBytes), { at: tile.record * recordBytes });
  }

  noteUse(hash: TileHash): void {
    const tile = this.#tiles.get(hash);
    const nowMs = Date.now();
    if (!tile || !isNewUse(tile.usedMs, nowMs)) return;
    tile.usedMs = nowMs;
    this.#write(tile.record, hash, tile);
  }

  #readRecord(bytes: Uint8Array, record: number): void {
    const [offset, byteLength, usedMs] = new Float64Array(bytes.slice(hashBytes).buffer);
    const isSound = [offset, byteLength].every((value) => Number.isSafeInteger(value) && value! >= 0);
    if (!isSound || byteLength === 0) this.#free.push(record);
    else {
      const hash = hashName(bytes.subarray(0, hashBytes));
      this.#tiles.set(hash, { offset: offset!, byteLength: byteLength!, usedMs: usedMs!, record });
    }
  }

  #write(record: number, hash: TileHash, { offset, byteLength, usedMs }: PackedTile): void {
    const bytes = new Uint8Array(recordBytes);
    for (let i = 0; i < hashBytes; i += 1) bytes[i] = Number.parseInt(hash.slice(2 * i, 2 * i + 2), 16);
    new Float64Array(bytes.buffer, hashBytes).set([offset, byteLength, usedMs]);
    this.#file.write(bytes, { at: record * recordBytes });
  }
}
