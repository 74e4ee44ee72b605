import { hashName } from '../../runtime/tile/tile-hash.ts';
import { isNewUse, type TileHash } from '../tile-cache.ts';
import type { PrivateFile } from './pack-files.ts';

/** Where a tile lies in the pack. */
export interface PackedTile {
  readonly offset: number;
  readonly byteLength: number;
  readonly checksum: string;
  /** In milliseconds since 1970. */
  usedMs: number;
  /** Of its record in the index. */
  readonly record: number;
}

/**
 * 32 bytes of hash, then offset, length and last use, float64, and 8 bytes of checksum. Without a length or a checksum a
 * record is free: those that are older than checksums are, and their tiles are sent once more.
 */
const recordBytes = 64;
const numbersAt = 32;
const checksumAt = 56;
const noChecksum = '0'.repeat(2 * (recordBytes - checksumAt));

/**
 * Which tiles lie where in the pack: in memory, and in a file for the next time. What the two files say may not agree
 * after a tab has died; whoever reads a tile checks its sum.
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

  add(hash: TileHash, place: Pick<PackedTile, 'offset' | 'byteLength' | 'checksum'>): void {
    const record = this.#free.pop() ?? this.#records++;
    const tile = { ...place, usedMs: Date.now(), record };
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
    const [offset, byteLength, usedMs] = new Float64Array(bytes.slice(numbersAt, checksumAt).buffer);
    const checksum = hashName(bytes.subarray(checksumAt));
    const isSound = [offset, byteLength].every((value) => Number.isSafeInteger(value) && value! >= 0);
    if (!isSound || byteLength === 0 || checksum === noChecksum) this.#free.push(record);
    else {
      const hash = hashName(bytes.subarray(0, numbersAt));
      const place = { offset: offset!, byteLength: byteLength!, checksum };
      this.#tiles.set(hash, { ...place, usedMs: usedMs!, record });
    }
  }

  #write(record: number, hash: TileHash, { offset, byteLength, usedMs, checksum }: PackedTile): void {
    const bytes = new Uint8Array(recordBytes);
    setHex(bytes, hash);
    new Float64Array(bytes.buffer, numbersAt).set([offset, byteLength, usedMs]);
    setHex(bytes.subarray(checksumAt), checksum);
    this.#file.write(bytes, { at: record * recordBytes });
  }
}

function setHex(target: Uint8Array, digits: string): void {
  for (let i = 0; 2 * i < digits.length; i += 1)
    target[i] = Number.parseInt(digits.slice(2 * i, 2 * i + 2), 16);
}
