import { operations } from '../profile/operations.ts';
import type { Team } from '../threads/team.ts';
import { ffnTileNeurons } from '../tile/spec.ts';
import { ByteRing } from './byte-ring.ts';
import { type PlacedTile, recordUnit } from './placed-tile.ts';
import { blockBytes, blocksOf, recordRuns } from './record-runs.ts';
import { mostBatches, RowReads } from './row-reads.ts';
import { orUnreadable } from './window-control.ts';

/** Readers' shared memory (see `RowReads`), and a clock to measure with. */
export interface RowReading {
  readonly memory: SharedArrayBuffer;
  readonly nowMs: () => number;
}

/** Memory of one thread into which records are read. */
export interface RecordRing {
  readonly begin: number;
  readonly end: number;
  readonly seekBytes: number;
}

interface Asked {
  readonly tile: PlacedTile;
  readonly batch: number;
  /** Of the base that records are numbered from, or of all of them where `numbers` is absent. */
  readonly address: number;
  /** By neuron. */
  readonly numbers: Int32Array | undefined;
}

/**
 * Tiles whose neurons fire seldom, as one thread of a rank has them: the records of those neurons alone are read that a token
 * needs, by other threads, while this one computes. What is asked for first is used first.
 */
export class ColdTiles {
  readonly #reads: RowReads;
  readonly #nowMs: () => number;
  readonly #team: Team;
  readonly #ring: RecordRing;
  #room: ByteRing;
  readonly #asked: Asked[] = [];
  #nextBatch = 0;

  constructor({ memory, nowMs }: RowReading, ring: RecordRing, team: Team) {
    this.#reads = new RowReads(memory, team.size);
    this.#nowMs = nowMs;
    this.#team = team;
    this.#ring = ring;
    this.#room = new ByteRing(ring.begin, ring.end);
  }

  /** Before anything is asked for: what a step that was given up had asked for may still be on its way. */
  settle(): void {
    orUnreadable(() => {
      for (let batch = 0; batch < mostBatches; batch += 1) this.#reads.await(this.#team.index, batch);
    });
    if (this.#asked.length === 0) return;
    this.#asked.length = 0;
    this.#room = new ByteRing(this.#ring.begin, this.#ring.end);
  }

  /**
   * Asks for records.
   * @param wanted for each neuron of the tile whether it is, anything but 0
   * @returns false if there is no room before what was asked for first is given back
   * @throws HearthError TILE_UNREADABLE
   */
  ask(tile: PlacedTile, wanted: Uint8Array): boolean {
    const { spec, index } = tile;
    const { seekBytes } = this.#ring;
    if (this.#asked.length === mostBatches) return false;
    const runs = recordRuns(wanted, spec, seekBytes);
    const places = runs.map((run) => blocksOf(run, spec));
    const blocks = places.reduce((sum, { first, end }) => sum + end - first, 0);
    const batch = this.#nextBatch;
    // An empty place would have no address of its own.
    const address = this.#room.place(batch, Math.max(1, blocks) * blockBytes);
    if (address === undefined) return false;

    let addressBlock = address / blockBytes;
    const numbers = new Int32Array(ffnTileNeurons);
    const { byteOffset, stride } = spec.records!;
    const reads = places.map(({ first, end }, i) => {
      const toRing = (addressBlock - first) * blockBytes + byteOffset - address;
      for (let neuron = runs[i]!.first; neuron < runs[i]!.end; neuron += 1)
        numbers[neuron] = (toRing + neuron * stride) / recordUnit;
      const read = { tile: index, firstBlock: first, blocks: end - first, addressBlock };
      addressBlock += end - first;
      return read;
    });
    orUnreadable(() => this.#reads.ask(this.#team.index, batch, reads));
    const records = runs.reduce((sum, { first, end }) => sum + end - first, 0);
    this.#reads.count(this.#team.index, records, blocks * blockBytes);
    const isWhole = records === spec.count;
    const first = isWhole ? address + numbers[0]! * recordUnit : address;
    this.#asked.push({ tile, batch, address: first, numbers: isWhole ? undefined : numbers });
    this.#nextBatch = (batch + 1) % mostBatches;
    return true;
  }

  /**
   * Waits for what was asked for first, and places the tile's records.
   * @returns by neuron the number of its record, if that is not the neuron's own
   * @throws HearthError TILE_UNREADABLE
   */
  take(): Int32Array | undefined {
    const { tile, batch, address, numbers } = this.#asked[0]!;
    const { index, recorder } = this.#team;
    if (!this.#reads.isHere(index, batch)) {
      const sinceMs = this.#nowMs();
      orUnreadable(() => this.#reads.await(index, batch));
      this.#reads.countWait(index, this.#nowMs() - sinceMs);
      recorder.mark(operations.awaitWeights);
    }
    if (numbers) tile.scatterRecords(address);
    else tile.moveRecords(address);
    return numbers;
  }

  /** Its room is free again. */
  release(): void {
    const { batch } = this.#asked.shift()!;
    const used = new Set(this.#asked.map((asked) => asked.batch));
    this.#room.reclaim((other) => other !== batch && used.has(other));
  }
}
