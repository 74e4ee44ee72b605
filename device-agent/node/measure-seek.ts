import { closeSync, constants, openSync, readSync } from 'node:fs';
import { basename } from 'node:path';
import { blockBytes } from '../../runtime/weights/record-runs.ts';
import { RowReads, rowReaderThreads } from '../../runtime/weights/row-reads.ts';
import { smallReadBytes } from '../probe/measure.ts';
import { measureDisk } from './measure-disk.ts';
import { startRowReaders } from './row-reader-threads.ts';
import { type KeptTile, keptTiles } from './tile-files.ts';
import type { TileRoomOptions } from './tile-room.ts';

/** Of a disk of which nothing is known: about that of an SSD that is read on at 1.5 GB/s. */
export const likelySeekBytes = 64 << 10;

/** A read of a tile, about. */
const largeBytes = 1 << 20;
/** Of a round, and the small reads beside them: about as many as a predicted token takes. */
const largeReads = 2;
const smallReads = 64;
/** So many rounds at least, for so long. On a slow disk they are fewer. */
const rounds = 8;
const milliseconds = 50;
/** When rounds, or threads that do not come, are given up. */
const patienceMs = 1000;
/** Tiles that are read from: enough that what a disk has at hand does not count. */
const mostFiles = 16;

/**
 * What a small read costs beside its bytes, in bytes that could be read on meanwhile, as `Residency` counts: from tiles that
 * are kept, past the cache of files, by the threads that read records, while this one reads on. It blocks.
 * @returns undefined where there is too little to read from, or that cannot be done
 */
export function measureSeek(room: TileRoomOptions): number | undefined {
  let seeks: SeekRounds | undefined;
  try {
    const large = keptTiles(room.folder).filter(({ byteLength }) => byteLength >= largeBytes);
    if (large.length < mostFiles) return undefined;
    const step = large.length / mostFiles;
    const tiles = Array.from({ length: mostFiles }, (_, i) => large[Math.floor(i * step)]!);
    seeks = new SeekRounds(room, tiles);
    const ms = seeks.measure();
    if (ms === undefined) return undefined;
    // In the long run: rounds are shorter than what a limit lets pass at once.
    const bytesPerSecond = measureDisk(room);
    return Math.max(0, Math.round((ms / 1000) * bytesPerSecond) - smallReadBytes);
  } catch {
    return undefined;
  } finally {
    seeks?.close();
  }
}

class SeekRounds {
  readonly #room: TileRoomOptions;
  readonly #tiles: readonly KeptTile[];
  readonly #descriptors: number[] = [];
  readonly #control = new SharedArrayBuffer(RowReads.byteLength(1));
  readonly #reads = new RowReads(this.#control, 1);
  /** What is read on, then what small reads bring. Aligned to pages, as direct reads want it. */
  readonly #memory: WebAssembly.Memory;
  readonly #target: Uint8Array;
  #largeRead = 0;
  #smallRead = 0;

  constructor(room: TileRoomOptions, tiles: readonly KeptTile[]) {
    this.#room = room;
    this.#tiles = tiles;
    const pages = (largeBytes + smallReads * smallReadBytes) >> 16;
    this.#memory = new WebAssembly.Memory({ initial: pages, maximum: pages, shared: true });
    this.#target = new Uint8Array(this.#memory.buffer, 0, largeBytes);
  }

  /**
   * Of the fastest rounds: others have stood still for a limit of the disk, or for another process.
   * @returns the milliseconds by which a small read lengthens a round; undefined if threads or reads take too long
   */
  measure(): number | undefined {
    this.#start();
    // What a limit had saved up is used meanwhile.
    if (
      !until(
        () => this.#reads.sleepers === rowReaderThreads,
        () => this.#readOn(),
      )
    )
      return undefined;
    let [alone, beside] = [Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY];
    const beganMs = performance.now();
    for (let count = 0, ms = 0; count < rounds || ms < milliseconds; count += 1) {
      alone = Math.min(alone, this.#roundMs(0));
      beside = Math.min(beside, this.#roundMs(smallReads));
      ms = performance.now() - beganMs;
      if (ms > patienceMs) break;
    }
    return beside < patienceMs ? (beside - alone) / smallReads : undefined;
  }

  close(): void {
    this.#reads.stop();
    for (const descriptor of this.#descriptors) closeSync(descriptor);
  }

  #start(): void {
    const tiles = this.#tiles;
    for (const { path } of tiles)
      this.#descriptors.push(openSync(path, constants.O_RDONLY | constants.O_DIRECT));
    const specs = tiles.map(({ byteLength }, id) => ({ id, byteLength }));
    const hashes = tiles.map(({ path }) => basename(path));
    const cold = tiles.map((_, index) => index);
    const job = { memory: this.#memory, control: this.#control, specs, hashes, cold, teamSize: 1 };
    // One that dies does not read: that takes too long then.
    startRowReaders(job, this.#room, () => {});
  }

  /** Reads on, beside so many small reads. */
  #roundMs(small: number): number {
    const beganMs = performance.now();
    this.#ask(small);
    for (let i = 0; i < largeReads; i += 1) this.#readOn();
    until(() => this.#reads.isHere(0, 0), pause);
    return performance.now() - beganMs;
  }

  #readOn(): void {
    readSync(this.#descriptors[this.#largeRead % mostFiles]!, this.#target, 0, largeBytes, 0);
    this.#largeRead += 1;
  }

  /** Somewhere in a file, the next each time. */
  #ask(count: number): void {
    const blocks = smallReadBytes / blockBytes;
    const read = (i: number) => {
      this.#smallRead += 1;
      const tile = this.#smallRead % mostFiles;
      const places = Math.floor(this.#tiles[tile]!.byteLength / smallReadBytes);
      const firstBlock = ((this.#smallRead * 61) % places) * blocks;
      return { tile, firstBlock, blocks, addressBlock: largeBytes / blockBytes + i * blocks };
    };
    this.#reads.ask(
      0,
      0,
      Array.from({ length: count }, (_, i) => read(i)),
    );
  }
}

/** Blocks until something is so. @returns false where that takes too long */
function until(isSo: () => boolean, meanwhile: () => void): boolean {
  const endMs = performance.now() + patienceMs;
  while (!isSo()) {
    if (performance.now() > endMs) return false;
    meanwhile();
  }
  return true;
}

function pause(): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 0.1);
}
