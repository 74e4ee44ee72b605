import type { ComputingRank, CreateRank } from '../../device-agent/rank-runner.ts';
import type { TileCache } from '../../device-agent/tile-cache.ts';
import type { PlaneCodec } from '../../runtime/collective/plane-codec.ts';
import type { RankOptions } from '../../runtime/decoder/rank-options.ts';
import {
  type LogitPart,
  logitRowCount,
  type PartialSum,
  type StepHeader,
  tokenCount,
} from '../../runtime/decoder/step.ts';
import { assert, HearthError } from '../../runtime/error.ts';
import type { ModelDescription } from '../../runtime/model/description.ts';
import type { Assignment } from '../../runtime/plan/plan.ts';
import type { Tile } from '../../runtime/protocol/tile-frame.ts';
import { type TileSpec, tileSpecs } from '../../runtime/tile/spec.ts';
import { hashAt, hashName, unknownHash } from '../../runtime/tile/tile-hash.ts';
import { referenceCodec } from '../collective/reference-codec.ts';

/** What a scripted rank does wrong. */
export interface FakeFaults {
  /** Called at each sync; may throw, or close a link. */
  onSync?: (header: StepHeader, syncIndex: number) => void;
  /** Refuses to be created with more tiles than these. */
  maxTiles?: number;
  /** Where it has tiles and keeps them. */
  cache?: TileCache;
}

/** Different numbers, so that none can pass for another. */
export const fakeMemory = {
  budgetBytes: 1e6,
  residentBytes: 2e5,
  windowBytes: 3e4,
  otherBytes: 4e3,
  keptTiles: 5,
  streamedBytes: 6e7,
  readMs: 70.5,
  waitMs: 8.25,
};

export function fakeRanks(faults: FakeFaults = {}): CreateRank {
  return ({ description, assignment, options, tileHashes }) => {
    if (assignment.tileIds.length > (faults.maxTiles ?? Number.POSITIVE_INFINITY))
      throw new HearthError('MEMORY_EXHAUSTED', 'too many tiles for this fake', { bytes: 1 });
    const rank = new FakeRank(description, assignment, options, faults);
    let delivered = (_: Tile): void => {};
    return {
      rank,
      load: ({ wanted, loaded }) =>
        new Promise((resolve) => {
          const hashOf = (id: number) => hashAt(tileHashes, assignment.tileIds.indexOf(id));
          const lengthOf = (id: number) => tileSpecs(description)[id]!.byteLength;
          const here = assignment.tileIds.filter((id) =>
            faults.cache?.has(hashName(hashOf(id)), lengthOf(id)),
          );
          const finish = (): void => {
            if (rank.missingTileIds.length === 0) resolve();
          };
          delivered = (tile) => {
            if (rank.holds(tile.id)) return;
            if (!rank.missingTileIds.includes(tile.id))
              throw new HearthError('PROTOCOL_UNEXPECTED_MESSAGE', 'a tile that is not wanted');
            rank.loadTile(tile.id, tile.bytes);
            faults.cache?.store(hashName(tile.hash), tile.bytes);
            loaded(tile.id, unknownHash);
            finish();
          };
          wanted(assignment.tileIds.filter((id) => !here.includes(id)));
          for (const id of here) {
            const bytes = new Uint8Array(lengthOf(id));
            assert(faults.cache!.load(hashName(hashOf(id)), bytes), 'what is kept can be loaded');
            rank.loadTile(id, bytes);
            loaded(id, hashOf(id));
          }
          finish();
        }),
      deliver: (tile) => delivered(tile),
      memory: () => fakeMemory,
      close: () => {},
    };
  };
}

/** Keeps the numbers small enough to be exact. */
const cacheModulus = 1009;

/**
 * A rank that computes something simple in integers of which every tile is a part: after each sync the residual is
 * the sum over all tiles so far, so a tile that is missing, doubled or altered shows in every logit, and so does
 * every token in the cache. The coarse plane is used by tiles of the second layer.
 */
class FakeRank implements ComputingRank {
  readonly #layerCount: number;
  readonly #hiddenSize: number;
  readonly #specs: readonly TileSpec[];
  readonly #options: RankOptions;
  readonly #faults: FakeFaults;
  readonly #missing: Set<number>;
  readonly #caches = new Map<number, number[]>();
  #loaded: { readonly spec: TileSpec; readonly weight: number }[] = [];

  constructor(
    description: ModelDescription,
    assignment: Assignment,
    options: RankOptions,
    faults: FakeFaults,
  ) {
    this.#layerCount = description.config.layerCount;
    this.#hiddenSize = description.config.hiddenSize;
    this.#specs = tileSpecs(description);
    this.#missing = new Set(assignment.tileIds);
    this.#options = options;
    this.#faults = faults;
  }

  get missingTileIds(): number[] {
    return [...this.#missing];
  }

  holds(tileId: number): boolean {
    return this.#loaded.some(({ spec }) => spec.id === tileId);
  }

  loadTile(id: number, bytes: Uint8Array): void {
    const spec = this.#specs[id]!;
    assert(bytes.length === spec.byteLength, 'a tile has its length');
    this.#loaded.push({ spec, weight: bytes[0]! + 256 * bytes.at(-1)! });
    this.#loaded.sort((a, b) => a.spec.id - b.spec.id);
    this.#missing.delete(id);
  }

  codecOf(): PlaneCodec {
    return referenceCodec;
  }

  release(slot: number): void {
    assert(slot < this.#options.maxSequences, 'a slot of this rank');
    this.#caches.delete(slot);
  }

  *step(header: StepHeader, embeddings: Float32Array): Generator<PartialSum, readonly LogitPart[], void> {
    assert(this.#missing.size === 0, 'all tiles are loaded');
    const size = this.#hiddenSize;
    const before = this.#remembered(header);
    const residual = Array.from({ length: tokenCount(header) }, (_, t) => embeddings[t * size]! + before[t]!);
    for (let syncIndex = 0; syncIndex < 2 * this.#layerCount; syncIndex += 1) {
      this.#faults.onSync?.(header, syncIndex);
      const sum = this.#partial(syncIndex, residual);
      yield sum;
      for (const t of residual.keys()) {
        const at = t * size + (t % size);
        residual[t]! += sum.fine[at]! + (sum.coarseUsed ? sum.coarse[at]! : 0);
      }
    }
    this.#remember(header, residual);
    return this.#logits(header, residual);
  }

  /** For each token, a mixture of all that its sequence's cache held before the step. */
  #remembered({ sequences }: StepHeader): number[] {
    return sequences.flatMap(({ slot, start, count }) => {
      const cache = this.#caches.get(slot) ?? [];
      assert(cache.length >= start, 'the cache holds what the step builds on');
      const mixture = cache.slice(0, start).reduce((sum, value) => (sum * 31 + value) % cacheModulus, 0);
      return new Array<number>(count).fill(mixture);
    });
  }

  #remember({ sequences }: StepHeader, residual: readonly number[]): void {
    let first = 0;
    for (const { slot, start, count } of sequences) {
      const added = residual.slice(first, first + count).map((value) => value % cacheModulus);
      this.#caches.set(slot, [...(this.#caches.get(slot) ?? []).slice(0, start), ...added]);
      first += count;
    }
  }

  #partial(syncIndex: number, residual: readonly number[]): PartialSum {
    const size = this.#hiddenSize;
    const { fine, coarse } = referenceCodec.allocatePlanes(residual.length * size);
    const layer = syncIndex >> 1;
    const kind = syncIndex % 2 === 0 ? 'attention' : 'ffn';
    const mine = this.#loaded.filter(({ spec }) => spec.kind === kind && spec.layer === layer);
    const coarseUsed = layer === 1 && mine.length > 0;
    residual.forEach((value, t) => {
      const row = [t * size, (t + 1) * size] as const;
      fine.fill(
        mine.reduce((sum, { spec, weight }) => sum + (value % 97) * weight + spec.id, 0),
        ...row,
      );
      if (coarseUsed)
        coarse.fill(
          mine.reduce((sum, { weight }) => sum + weight, 0),
          ...row,
        );
    });
    return { syncIndex, fine, coarse, coarseUsed };
  }

  #logits(header: StepHeader, residual: readonly number[]): LogitPart[] {
    const wanted = wantedTokens(header).map((t) => residual[t]!);
    assert(wanted.length === logitRowCount(header), 'a row for each wanted token');
    if (wanted.length === 0) return [];
    const vocabulary = this.#loaded.filter(({ spec }) => spec.kind === 'vocabulary');
    return vocabulary.map(({ spec: { first, count }, weight }) => {
      const rows = Array.from({ length: count }, (_, row) => first + row);
      const values = wanted.flatMap((value) => rows.map((row) => (value + row * weight) % 65521));
      return { firstVocabularyRow: first, vocabularyRows: count, values: Float32Array.from(values) };
    });
  }
}

function wantedTokens({ sequences }: StepHeader): number[] {
  let first = 0;
  return sequences.flatMap(({ count, logits }) => {
    const all = Array.from({ length: count }, (_, i) => first + i);
    first += count;
    if (logits === 'none') return [];
    return logits === 'all' ? all : all.slice(-1);
  });
}
