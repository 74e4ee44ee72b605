import { stageBytes } from '../decoder/stage-bytes.ts';
import { maximumMemoryBytes } from '../kernels/kernels.ts';
import { threadBytes } from '../threads/thread-bytes.ts';
import { type TileSpec, vocabularyTileRows } from '../tile/spec.ts';
import { rowReaderThreads } from '../weights/row-reads.ts';
import { ColdReads, type KnownCosts } from './cold-reads.ts';
import type { Deal } from './deal.ts';
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
  /** FFN tiles of which it is known how many neurons fire. */
  readonly sparse: readonly TileSpec[];
}

/** How a rank reads what does not stay in memory. */
export interface RankReads {
  /** Ahead of its use, once a step. */
  readonly aheadBytes: number;
  /** When it is wanted. */
  readonly cold: ColdReads | undefined;
  /** All that does not stay. */
  readonly streamedBytes: number;
}

/** What a tile that streams is aligned to. */
const slotAlignment = 4096;
/** Logits that are computed between two barriers take no more. */
const logitBytes = 8 << 20;
/** Of threads that read neurons. */
const readerBytes = rowReaderThreads * threadBytes;

/**
 * How much memory ranks of a model take, told by sums: laying a rank out tells it to the byte (`rankBytes`), but takes
 * too long to be done for every layout that is looked at. It is a little more than that.
 */
export class RankMemories {
  readonly #work: ModelWork;
  readonly #emptyBytes = new Map<number, number>();
  readonly #largestTileBytes: number;
  readonly #largestSublayerBytes: number;
  readonly #coldCosts: KnownCosts = new Map();

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
    const { description, specs, options, kvBytesPerTile } = this.#work;
    const [base, attention, ffn] = (['base', 'attention', 'ffn'] as const).map(
      (kind) => specs.find((spec) => spec.kind === kind)!,
    );
    // What a kind of tiles is computed with is there only where there are such tiles.
    const least = {
      rank: 0,
      worldSize: 2,
      tileIds: [base!.id, attention!.id, ffn!.id],
      legs: [{ firstLayer: 0, endLayer: 1, members: 2, receives: false, sends: false }],
      receivesHead: false,
      microBatchTokens: options.maxStepTokens,
      firstSublayer: 0,
      endSublayer: 2,
    };
    const { rest } = stageBytes(description, specs, least, options, threads);
    const emptyBytes = base!.byteLength + rest - kvBytesPerTile;
    this.#emptyBytes.set(threads, emptyBytes);
    return emptyBytes;
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
    const sparse: TileSpec[] = [];
    sublayers.forEach((sublayer, index) => {
      const count = deal.sublayers[index]![rank]!;
      weightBytes += bytesOfTiles(sublayer, count);
      tiles += count;
      if (sublayer.kind === 'attention') attentionTiles += count;
      for (const place of deal.places[index]?.[rank] ?? [])
        sparse.push(this.#work.specs[sublayer.firstTile + place]!);
    });
    return { weightBytes, attentionTiles, vocabularyTiles, tiles, sparse };
  }

  /**
   * Without regard to what the device has: `neededBytes` may be more.
   * @param reads what `reads` says of it
   */
  of(held: HeldTiles, device: DeviceProfile, reads = this.reads(held, device)): RankMemory {
    const { weightBytes, kvBytes, restBytes, leastBytes } = this.#parts(held, device);
    const neededBytes = reads ? Math.max(device.memoryBytes, leastBytes) : weightBytes + kvBytes + restBytes;
    return { weightBytes, kvBytes, restBytes, neededBytes, streamedBytes: reads?.streamedBytes ?? 0 };
  }

  /** Bytes of a device that are left where all that it holds stays in memory; negative where it cannot. */
  room(held: HeldTiles, device: DeviceProfile): number {
    const { weightBytes, kvBytes, restBytes } = this.#parts(held, device);
    return device.memoryBytes - weightBytes - kvBytes - restBytes;
  }

  /** Where a rank does not fit in memory, how it reads the rest; undefined where it does, or nothing can be read. */
  reads(held: HeldTiles, device: DeviceProfile): RankReads | undefined {
    const { threads, memoryBytes, diskBytesPerSecond, seekBytes } = device;
    if (this.room(held, device) >= 0 || diskBytesPerSecond <= 0) return undefined;
    const { weightBytes, leastBytes } = this.#parts(held, device);
    const inSlots = weightBytes + held.tiles * slotAlignment;
    const roomBytes = Math.max(0, memoryBytes - leastBytes);
    const ahead = Math.min(weightBytes, inSlots - roomBytes);
    const whole = { aheadBytes: ahead, cold: undefined, streamedBytes: ahead };
    if (held.sparse.length === 0 || seekBytes === undefined) return whole;

    const ringBytes = readerBytes + 2 * threads * (this.#largestTileBytes + slotAlignment);
    const cold = new ColdReads(held.sparse, seekBytes, this.#work.specs.length, this.#coldCosts);
    const alwaysBytes = inSlots - cold.recordBytes;
    const leftBytes = roomBytes - ringBytes - alwaysBytes;
    if (roomBytes < ringBytes) return whole;
    const aheadBytes = Math.min(weightBytes, Math.max(0, -leftBytes));
    const coldBytes = cold.hold(Math.max(0, leftBytes));
    return { aheadBytes, cold, streamedBytes: Math.min(weightBytes, aheadBytes + coldBytes) };
  }

  /** What a token reads of weights that are not in memory, about, as a part of them: those are cold neurons first. */
  readShare(seekBytes: number | undefined): number {
    const { specs } = this.#work;
    if (seekBytes === undefined) return 1;
    const sparse = specs.filter(({ firing }) => firing !== undefined);
    const cold = new ColdReads(sparse, seekBytes, specs.length, this.#coldCosts);
    return cold.recordBytes > 0 ? cold.bytes(1) / cold.recordBytes : 1;
  }

  #parts(held: HeldTiles, { threads }: DeviceProfile) {
    const { weightBytes } = held;
    const kvBytes = held.attentionTiles * this.#work.kvBytesPerTile;
    const restBytes = this.#restBytes(weightBytes + kvBytes, held.vocabularyTiles, threads);
    const leastBytes = kvBytes + restBytes + Math.min(weightBytes, this.windowBytes(threads));
    return { weightBytes, kvBytes, restBytes, leastBytes };
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
