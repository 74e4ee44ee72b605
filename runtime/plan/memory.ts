import { stageBytes } from '../decoder/stage-bytes.ts';
import { maximumMemoryBytes } from '../kernels/kernels.ts';
import { vocabularyTileRows } from '../tile/spec.ts';
import type { Deal } from './deal.ts';
import { planByShares } from './plan.ts';
import type { DeviceProfile } from './profiles.ts';
import { bytesOfTiles, type ModelWork } from './workload.ts';

/** What a rank takes of a device. */
export interface RankMemory {
  readonly weightBytes: number;
  readonly kvBytes: number;
  /** Activations, sums, what each thread needs, norms. */
  readonly restBytes: number;
  /** What must be in memory at once. Without streaming it is the sum of the above. */
  readonly neededBytes: number;
  /** Of the weights, those that are read from disk for each step. */
  readonly streamedBytes: number;
}

/** Tiles of a rank. */
export interface HeldTiles {
  readonly weightBytes: number;
  readonly attentionTiles: number;
  readonly vocabularyTiles: number;
  /** All of them. */
  readonly tiles: number;
}

/** What a tile that streams is aligned to. */
const slotAlignment = 4096;
/** Logits that are computed between two barriers take no more. */
const logitBytes = 8 << 20;

/**
 * How much memory ranks of a model take, told by sums: laying a rank out tells it to the byte (`rankBytes`), but takes
 * too long to be done for every layout that is looked at. It is a little more than that.
 */
export class RankMemories {
  readonly #work: ModelWork;
  readonly #emptyBytes = new Map<number, number>();
  readonly #largestTileBytes: number;
  readonly #largestSublayerBytes: number;

  constructor(work: ModelWork) {
    this.#work = work;
    const all = [...work.sublayers, work.vocabulary];
    this.#largestTileBytes = Math.max(...all.map(({ tileBytes }) => tileBytes));
    this.#largestSublayerBytes = Math.max(...all.map(({ byteLength }) => byteLength));
  }

  /** What a WebAssembly memory takes without tiles and KV pages: the base tile, and all that is computed with. */
  emptyBytes(threads: number): number {
    const known = this.#emptyBytes.get(threads);
    if (known !== undefined) return known;
    const { description, specs, options } = this.#work;
    const baseIds = specs.filter(({ kind }) => kind === 'base').map(({ id }) => id);
    // One of two, so that there is a place for what they send each other.
    const [one] = planByShares(specs, [1, 1]);
    const empty = { ...one!, tileIds: baseIds, firstSublayer: 0, endSublayer: 0 };
    const { tiles, rest } = stageBytes(description, specs, empty, options, threads);
    this.#emptyBytes.set(threads, tiles + rest);
    return tiles + rest;
  }

  /** What weights take in memory at least, where the others stream. */
  windowBytes(threads: number): number {
    return (2 * threads + 1) * (this.#largestTileBytes + slotAlignment);
  }

  held(deal: Deal, rank: number): HeldTiles {
    const { sublayers, vocabulary } = this.#work;
    const vocabularyTiles = deal.vocabulary[rank]!;
    let weightBytes = bytesOfTiles(vocabulary, vocabularyTiles);
    let tiles = vocabularyTiles;
    let attentionTiles = 0;
    sublayers.forEach((sublayer, index) => {
      const count = deal.sublayers[index]![rank]!;
      weightBytes += bytesOfTiles(sublayer, count);
      tiles += count;
      if (sublayer.kind === 'attention') attentionTiles += count;
    });
    return { weightBytes, attentionTiles, vocabularyTiles, tiles };
  }

  /** Without regard to what the device has: `neededBytes` may be more. */
  of(held: HeldTiles, { threads, memoryBytes, diskBytesPerSecond }: DeviceProfile): RankMemory {
    const { weightBytes } = held;
    const kvBytes = held.attentionTiles * this.#work.kvBytesPerTile;
    const restBytes = this.#restBytes(weightBytes + kvBytes, held.vocabularyTiles, threads);
    const allBytes = weightBytes + kvBytes + restBytes;
    const inMemory = { weightBytes, kvBytes, restBytes, neededBytes: allBytes, streamedBytes: 0 };
    if (allBytes <= memoryBytes || diskBytesPerSecond <= 0) return inMemory;

    const windowBytes = Math.min(weightBytes, this.windowBytes(threads));
    const roomBytes = memoryBytes - kvBytes - restBytes - windowBytes;
    return {
      ...inMemory,
      neededBytes: Math.max(memoryBytes, kvBytes + restBytes + windowBytes),
      streamedBytes: Math.min(weightBytes, weightBytes + held.tiles * slotAlignment - Math.max(0, roomBytes)),
    };
  }

  #restBytes(tileBytes: number, vocabularyTiles: number, threads: number): number {
    const emptyBytes = this.emptyBytes(threads);
    const rowBytes = vocabularyTiles * vocabularyTileRows * 4;
    const logits = Math.max(rowBytes, Math.min(logitBytes, rowBytes * this.#work.options.maxStepTokens));
    if (tileBytes + emptyBytes + logits <= maximumMemoryBytes) return emptyBytes + logits;
    // A memory may end before it is full, where a sublayer would not fit any more.
    const roomBytes = Math.max(1, maximumMemoryBytes - emptyBytes - this.#largestSublayerBytes);
    return Math.ceil((tileBytes + logits) / roomBytes) * emptyBytes + logits;
  }
}
