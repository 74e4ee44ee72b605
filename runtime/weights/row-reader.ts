import { blockBytes } from './record-runs.ts';
import type { RowReads } from './row-reads.ts';

/** Reads so many bytes of a tile, from a byte of it on, to an address; what it throws, `run` does. */
export type ReadPart = (tile: number, byteOffset: number, byteLength: number, address: number) => void;

/** The far end of `ColdTiles`: one of the threads that read the records which others have asked for. It blocks its thread. */
export class RowReader {
  readonly #reads: RowReads;
  readonly #index: number;
  readonly #read: ReadPart;

  /** @param index among the readers: each looks at another thread's wishes first */
  constructor(reads: RowReads, index: number, read: ReadPart) {
    this.#reads = reads;
    this.#index = index;
    this.#read = read;
  }

  /** Returns when readers are stopped. */
  run(): void {
    while (!this.#reads.stopped) {
      const seen = this.#reads.events;
      if (!this.turn()) this.#reads.sleep(seen);
    }
  }

  /** Reads the next that was asked for. @returns whether there was one */
  turn(): boolean {
    const taken = this.#reads.take(this.#index);
    if (!taken) return false;
    const { tile, firstBlock, blocks, addressBlock } = taken;
    this.#read(tile, firstBlock * blockBytes, blocks * blockBytes, addressBlock * blockBytes);
    this.#reads.done(taken);
    return true;
  }
}
