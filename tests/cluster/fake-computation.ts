import type { ComputingRank } from '../../device-agent/create-rank.ts';
import type { TileCache } from '../../device-agent/tile-cache.ts';
import type { PlaneCodec } from '../../runtime/collective/plane-codec.ts';
import { type MicroBatch, microBatches } from '../../runtime/decoder/micro-batch.ts';
import type { RankOptions } from '../../runtime/decoder/rank-options.ts';
import {
  type LogitPart,
  type PartialSum,
  type Residual,
  type StepEvent,
  type StepHeader,
  tokenCount,
  wantedTokens,
} from '../../runtime/decoder/step.ts';
import { assert } from '../../runtime/error.ts';
import { kvRunBytes, runPositions } from '../../runtime/kernels/kv-page.ts';
import type { ModelDescription } from '../../runtime/model/description.ts';
import type { Assignment, Leg } from '../../runtime/plan/plan.ts';
import { type TileSpec, tileSpecs } from '../../runtime/tile/spec.ts';
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

type Steps<T> = Generator<StepEvent, T, void>;

/** Keeps the numbers small enough to be exact. */
const cacheModulus = 1009;

/** Of each token of a step: what it is worked into, what it was at first, and a mixture of those before it. */
interface Working {
  readonly residual: number[];
  readonly origin: number[];
  readonly mixture: number[];
}

/**
 * A rank that computes something simple in integers of which every tile is a part: after each sync the residual is
 * the sum over all tiles so far, so a tile that is missing, doubled or altered shows in every logit, and so does
 * every token in the cache. It is the same however prompts are cut and layers are shared, as with a real model. The coarse
 * plane is used by tiles of the second layer.
 */
export class FakeRank implements ComputingRank {
  readonly #assignment: Assignment;
  readonly #layerCount: number;
  readonly #runBytes: number;
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
    this.#assignment = assignment;
    this.#layerCount = description.config.layerCount;
    this.#runBytes = kvRunBytes(description.config.headDim, options.kvFormat);
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

  get kvTileIds(): number[] {
    return this.#assignment.tileIds.filter((id) => this.#specs[id]!.kind === 'attention');
  }

  /** Of every tile the same: what the cache holds. */
  kvRun(slot: number, run: number, tileId: number): Uint8Array[] {
    const bytes = new Uint8Array(this.#specs[tileId]!.count * this.#runBytes);
    const values = this.#caches.get(slot)!.slice(run * runPositions, (run + 1) * runPositions);
    assert(values.length === runPositions, 'a full run');
    new Int32Array(bytes.buffer).set(values);
    return [bytes];
  }

  restoreKvRuns(slot: number, run: number, tileId: number, bytes: Uint8Array): void {
    const cache = (this.#caches.get(slot) ?? []).slice(0, run * runPositions);
    assert(cache.length === run * runPositions, 'runs come in order');
    const words = (this.#specs[tileId]!.count * this.#runBytes) / 4;
    const values = new Int32Array(bytes.slice().buffer).filter((_, at) => at % words < runPositions);
    this.#caches.set(slot, [...cache, ...values]);
  }

  codecOf(): PlaneCodec {
    return referenceCodec;
  }

  release(slot: number): void {
    assert(slot < this.#options.maxSequences, 'a slot of this rank');
    this.#caches.delete(slot);
  }

  *step(header: StepHeader, embeddings: Float32Array): Steps<readonly LogitPart[]> {
    assert(this.#missing.size === 0, 'all tiles are loaded');
    const { legs, microBatchTokens, receivesHead } = this.#assignment;
    const tokens = tokenCount(header);
    const parts = microBatches(tokens, microBatchTokens);
    const origin = Array.from({ length: tokens }, (_, t) => embeddings[t * this.#hiddenSize] ?? 0);
    const working: Working = { residual: [...origin], origin, mixture: [] };
    const tokensOf = ({ first, end }: MicroBatch) => Array.from({ length: end - first }, (_, i) => first + i);
    const wantedOf = (part: MicroBatch) => wantedTokens(header).filter((t) => tokensOf(part).includes(t));
    for (const [i, leg] of legs.entries()) {
      const { firstLayer, endLayer, receives, sends } = leg;
      if (receives) for (const part of parts) yield* this.#receive(firstLayer, part, tokensOf(part), working);
      if (i === 0) working.mixture.push(...this.#remember(header, origin));
      for (let syncIndex = 2 * firstLayer; syncIndex < 2 * endLayer; syncIndex += 1) {
        this.#faults.onSync?.(header, syncIndex);
        yield* this.#sync(leg, syncIndex, parts, working);
      }
      const leaving = endLayer === this.#layerCount ? wantedOf : tokensOf;
      if (sends) for (const part of parts) yield* this.#send(endLayer, part, leaving(part), working);
    }
    if (receivesHead)
      for (const part of parts) yield* this.#receive(this.#layerCount, part, wantedOf(part), working);
    return this.#logits(header, working.residual);
  }

  *#sync(
    leg: Leg,
    syncIndex: number,
    parts: readonly MicroBatch[],
    { residual, mixture }: Working,
  ): Steps<void> {
    const size = this.#hiddenSize;
    // Attention looks at what was before.
    if (syncIndex % 2 === 0)
      residual.forEach((value, t) => {
        residual[t] = value + mixture[t]!;
      });
    const sums = parts.map((part) => this.#partial(syncIndex, part, residual));
    for (const sum of sums) yield { kind: leg.members > 1 ? 'sendSum' : 'sync', sum };
    for (const sum of sums) {
      if (leg.members > 1) yield { kind: 'awaitSum', sum };
      for (let i = 0; i < sum.tokens; i += 1) {
        const at = i * size + (i % size);
        residual[sum.first + i]! += sum.fine[at]! + (sum.coarseUsed ? sum.coarse[at]! : 0);
      }
    }
  }

  /** A number is exact as two floats. */
  *#send(layer: number, part: MicroBatch, tokens: readonly number[], working: Working): Steps<void> {
    const { residual, origin } = working;
    const rows = tokens.map((t) => {
      const row = new Float32Array(this.#hiddenSize);
      row.set([residual[t]! % 65536, Math.floor(residual[t]! / 65536), origin[t]!]);
      return row;
    });
    if (rows.length > 0) yield { kind: 'sendResidual', residual: residualOf(layer, part, rows) };
  }

  *#receive(layer: number, part: MicroBatch, tokens: readonly number[], working: Working): Steps<void> {
    const rows = tokens.map(() => new Float32Array(this.#hiddenSize));
    if (rows.length > 0) yield { kind: 'awaitResidual', residual: residualOf(layer, part, rows) };
    for (const [i, t] of tokens.entries()) {
      const [low, high, origin] = rows[i]!;
      working.residual[t] = low! + 65536 * high!;
      working.origin[t] = origin!;
    }
  }

  /** Adds tokens to the cache. @returns for each of them, a mixture of all that come before it in its sequence */
  #remember({ sequences }: StepHeader, origin: readonly number[]): number[] {
    let first = 0;
    return sequences.flatMap(({ slot, start, count }) => {
      const cache = (this.#caches.get(slot) ?? []).slice(0, start);
      assert(cache.length === start, 'the cache holds what the step builds on');
      let mixed = cache.reduce(mix, 0);
      const added = origin.slice(first, first + count).map((value) => value % cacheModulus);
      first += count;
      this.#caches.set(slot, [...cache, ...added]);
      return added.map((value) => {
        const before = mixed;
        mixed = mix(mixed, value);
        return before;
      });
    });
  }

  #partial(syncIndex: number, { first, end }: MicroBatch, residual: readonly number[]): PartialSum {
    const size = this.#hiddenSize;
    const { fine, coarse } = referenceCodec.allocatePlanes((end - first) * size);
    const layer = syncIndex >> 1;
    const kind = syncIndex % 2 === 0 ? 'attention' : 'ffn';
    const mine = this.#loaded.filter(({ spec }) => spec.kind === kind && spec.layer === layer);
    const coarseUsed = layer === 1 && mine.length > 0;
    const weights = mine.reduce((sum, { weight }) => sum + weight, 0);
    residual.slice(first, end).forEach((value, t) => {
      const row = [t * size, (t + 1) * size] as const;
      fine.fill(
        mine.reduce((sum, { spec, weight }) => sum + (value % 97) * weight + spec.id, 0),
        ...row,
      );
      if (coarseUsed) coarse.fill(weights, ...row);
    });
    return { syncIndex, first, tokens: end - first, fine, coarse, coarseUsed };
  }

  #logits(header: StepHeader, residual: readonly number[]): LogitPart[] {
    const wanted = wantedTokens(header).map((t) => residual[t]!);
    if (wanted.length === 0) return [];
    const vocabulary = this.#loaded.filter(({ spec }) => spec.kind === 'vocabulary');
    return vocabulary.map(({ spec: { first, count }, weight }) => {
      const rows = Array.from({ length: count }, (_, row) => first + row);
      const values = wanted.flatMap((value) => rows.map((row) => (value + row * weight) % 65521));
      return { firstVocabularyRow: first, vocabularyRows: count, values: Float32Array.from(values) };
    });
  }
}

function mix(mixture: number, value: number): number {
  return (mixture * 31 + value) % cacheModulus;
}

function residualOf(layer: number, { first, end }: MicroBatch, rows: readonly Float32Array[]): Residual {
  return { layer, first, tokens: end - first, rows };
}
