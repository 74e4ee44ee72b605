import type { Arena } from '../kernels/arena.ts';
import { paddedRowCount } from '../kernels/formats.ts';
import type { Kernels } from '../kernels/kernels.ts';
import { attentionScratchBytes, kvKernels, pagePositions } from '../kernels/kv-page.ts';
import type { ModelConfig } from '../model/config.ts';
import type { ModelDescription } from '../model/description.ts';
import { operations } from '../profile/operations.ts';
import type { Recorder } from '../profile/recorder.ts';
import { perThread } from '../threads/scratch.ts';
import type { Team } from '../threads/team.ts';
import { type TileSpec, tilesPerLayer } from '../tile/spec.ts';
import type { PlacedSection, PlacedTile } from '../weights/placed-tile.ts';
import type { TileStore } from '../weights/tile-store.ts';
import { Activations } from './activations.ts';
import type { Batch, BatchToken } from './batch.ts';
import type { BatchMemory } from './batch-memory.ts';
import { KvCache } from './kv-cache.ts';
import type { Portion } from './micro-batch.ts';
import type { PartialSums } from './partial-sums.ts';
import type { RankOptions } from './rank-options.ts';
import { RopeTable } from './rope-table.ts';
import type { StepHeader } from './step.ts';

/** A rank's part of attention: its KV heads with their query heads, and their columns of the output matrix. */
export class AttentionLayer {
  readonly cache: KvCache;
  readonly #kernels: Kernels;
  readonly #arena: Arena;
  readonly #config: ModelConfig;
  readonly #tiles: TileStore;
  readonly #tilesPerLayer: readonly number[];
  readonly #rope: RopeTable;
  readonly #kv: ReturnType<typeof kvKernels>;
  /** For each attention tile its first KV head in the rank's cache, by tile id. */
  readonly #cacheHeads = new Map<number, number>();
  readonly #query: number;
  readonly #key: number;
  readonly #value: number;
  readonly #scores: number;
  readonly #heads: Activations;
  readonly #recorder: Recorder;

  constructor(
    kernels: Kernels,
    arena: Arena,
    description: ModelDescription,
    specs: readonly TileSpec[],
    tiles: TileStore,
    options: RankOptions,
    batch: BatchMemory,
    team: Team,
  ) {
    const { config } = description;
    this.#kernels = kernels;
    this.#arena = arena;
    this.#config = config;
    this.#tiles = tiles;
    this.#recorder = team.recorder;
    this.#kv = kvKernels(kernels, options.kvFormat);
    this.#tilesPerLayer = tilesPerLayer(specs, 'attention', config.layerCount);
    this.cache = new KvCache(arena, this.#assignCacheHeads(config.layerCount), config.headDim, options);
    const kvRows =
      Math.max(...specs.filter((spec) => spec.kind === 'attention').map((s) => s.count)) * config.headDim;
    const tokens = tiles.specs.some(({ kind }) => kind === 'attention') ? options.maxStepTokens : 0;
    const group = config.headCount / config.kvHeadCount;
    const own = perThread(arena, team);
    this.#query = own.alloc(tokens * paddedRowCount(kvRows * group) * 4);
    this.#key = own.alloc(tokens * paddedRowCount(kvRows) * 4);
    this.#value = own.alloc(tokens * paddedRowCount(kvRows) * 4);
    this.#heads = new Activations(kernels, own, own, tokens, kvRows * group);
    this.#scores = own.alloc(attentionScratchBytes(config.headDim, options.contextLength));
    this.#rope = new RopeTable(kernels, arena, description, tiles, options, batch);
  }

  /** Gives every tile of this rank its place in the cache. @returns the number of KV heads */
  #assignCacheHeads(layerCount: number): number {
    let heads = 0;
    for (let layer = 0; layer < layerCount; layer += 1) {
      for (const { spec } of this.#tiles.tiles('attention', layer)) {
        this.#cacheHeads.set(spec.id, heads);
        heads += spec.count;
      }
    }
    return heads;
  }

  /** The leader makes room for a step's positions. */
  begin(header: StepHeader): void {
    for (const { slot, start, count } of header.sequences) this.cache.reserve(slot, start + count);
    this.#rope.ensureFilled();
  }

  /** Tiles whose KV heads are here. */
  get tileIds(): readonly number[] {
    return [...this.#cacheHeads.keys()];
  }

  /** A reserved page of a sequence in each KV head of a tile, as views into memory. */
  kvPage(slot: number, page: number, { id, count }: TileSpec): Uint8Array[] {
    const first = this.#cacheHeads.get(id)!;
    return Array.from({ length: count }, (_, head) => this.cache.bytes(first + head, slot, page));
  }

  /** See `RopeTable`. */
  angles(tokens: readonly BatchToken[]): Float32Array<ArrayBuffer> {
    return this.#rope.angles(tokens.map(({ position }) => position));
  }

  /**
   * K and V that were computed elsewhere, into their pages; the leader's.
   * @param keys float32 [tokens, KV heads × headDim] of a layer whose tiles are all here, positions included
   * @param values likewise
   */
  store(layer: number, tokens: readonly BatchToken[], keys: Float32Array, values: Float32Array): void {
    const { headDim } = this.#config;
    for (const { spec } of this.#tiles.tiles('attention', layer)) {
      const width = spec.count * headDim;
      tokens.forEach((token, i) => {
        const from = i * this.#config.kvHeadCount * headDim + spec.first * headDim;
        this.#arena.f32(this.#key, width).set(keys.subarray(from, from + width));
        this.#arena.f32(this.#value, width).set(values.subarray(from, from + width));
        for (let head = 0; head < spec.count; head += 1) {
          const pages = this.cache.head(this.#cacheHeads.get(spec.id)! + head);
          const offset = head * headDim * 4;
          this.#storeToken(token, pages, this.#key + offset, this.#value + offset);
        }
      });
    }
  }

  /** The matrices that multiply a layer's input; alike in all its tiles. */
  inputs(layer: number): readonly PlacedSection[] {
    const [tile] = this.#tiles.tiles('attention', layer);
    return tile ? [tile.sections.get('query')!, tile.sections.get('key')!, tile.sections.get('value')!] : [];
  }

  /** This thread's tiles. */
  compute(layer: number, batch: Batch, portion: Portion, input: Activations, sums: PartialSums): void {
    this.#tiles.eachOwn('attention', layer, (tile) => {
      this.#project(tile, portion, input);
      this.#attendTile(tile, batch, portion);
      const output = tile.sections.get('attentionOutput')!;
      this.#heads.prepare([output], 0, portion.end - portion.first);
      this.#recorder.mark(operations.quantise);
      const multiply = this.#heads.product(output);
      sums.add(multiply, portion, this.#tilesPerLayer[layer]!, operations.attentionOutput);
    });
  }

  /** Q, K and V of the tile's heads, with bias and position. */
  #project(tile: PlacedTile, { first, end }: Portion, input: Activations): void {
    const { sections, spec } = tile;
    const tokens = end - first;
    const group = this.#config.headCount / this.#config.kvHeadCount;
    for (const [matrix, bias, target] of [
      ['query', 'queryBias', this.#query],
      ['key', 'keyBias', this.#key],
      ['value', 'valueBias', this.#value],
    ] as const) {
      const section = sections.get(matrix)!;
      const stride = paddedRowCount(section.rows);
      input.multiply(section, first, tokens, target, stride);
      const biasSection = sections.get(bias);
      if (biasSection) this.#kernels.addBias(target, biasSection.pointer, section.rows, tokens, stride);
    }
    this.#recorder.mark(operations.queryKeyValue);
    const queryRows = paddedRowCount(sections.get('query')!.rows);
    this.#rope.rotate(this.#query, spec.count * group, first, tokens, queryRows);
    this.#rope.rotate(this.#key, spec.count, first, tokens, paddedRowCount(sections.get('key')!.rows));
    this.#recorder.mark(operations.rope);
  }

  /**
   * Stores the K and V of all tokens, then lets each token attend to its sequence up to itself: what it sees does
   * not depend on which tokens share its step.
   */
  #attendTile({ spec, sections }: PlacedTile, batch: Batch, portion: Portion): void {
    const { headDim, headCount, kvHeadCount } = this.#config;
    const group = headCount / kvHeadCount;
    const kvStride = paddedRowCount(sections.get('key')!.rows) * 4;
    const queryStride = paddedRowCount(sections.get('query')!.rows) * 4;
    const outputStride = sections.get('attentionOutput')!.columns * 4;
    for (let head = 0; head < spec.count; head += 1) {
      const pages = this.cache.head(this.#cacheHeads.get(spec.id)! + head);
      const kvOffset = head * headDim * 4;
      const queryOffset = kvOffset * group;
      this.#store(batch, portion, pages, this.#key + kvOffset, this.#value + kvOffset, kvStride);
      this.#recorder.mark(operations.storeKv);
      const output = this.#heads.pointer + queryOffset;
      this.#attend(batch, portion, pages, this.#query + queryOffset, queryStride, output, outputStride);
      this.#recorder.mark(operations.attention);
    }
  }

  /** @param strideBytes from one token's K or V to the next one's */
  #store(
    { tokens }: Batch,
    { first, end }: Portion,
    pages: number,
    key: number,
    value: number,
    strideBytes: number,
  ): void {
    for (let token = first; token < end; token += 1) {
      const offset = (token - first) * strideBytes;
      this.#storeToken(tokens[token]!, pages, key + offset, value + offset);
    }
  }

  #storeToken({ page, position }: BatchToken, pages: number, key: number, value: number): void {
    const { headDim } = this.#config;
    this.#kv.store(pages + page * this.cache.pageBytes, key, value, position % pagePositions, headDim);
  }

  /** The tokens of a sequence stand one after the other, in a step as in their positions. */
  #attend(
    { tokens }: Batch,
    portion: Portion,
    pages: number,
    query: number,
    queryStrideBytes: number,
    output: number,
    outputStrideBytes: number,
  ): void {
    const { headDim, headCount, kvHeadCount } = this.#config;
    for (let first = portion.first, end = first; first < portion.end; first = end) {
      const { slot, position } = tokens[first]!;
      while (end < portion.end && tokens[end]!.slot === slot) end += 1;
      const row = first - portion.first;
      this.#kv.attention(
        query + row * queryStrideBytes,
        this.cache.table(slot),
        pages,
        this.cache.pageBytes,
        position + 1,
        end - first,
        headDim,
        headCount / kvHeadCount,
        output + row * outputStrideBytes,
        queryStrideBytes / 4,
        outputStrideBytes / 4,
        this.#scores,
        // Division and square root are exact on every host.
        Math.fround(1 / Math.sqrt(headDim)),
      );
    }
  }
}
