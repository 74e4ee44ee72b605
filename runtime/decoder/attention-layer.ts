import { kvPageTokens } from '../generation/step-runner.ts';
import type { Arena } from '../kernels/arena.ts';
import type { Kernels } from '../kernels/kernels.ts';
import type { ModelConfig } from '../model/config.ts';
import type { ModelDescription } from '../model/description.ts';
import { type TileSpec, tilesPerLayer } from '../tile/spec.ts';
import type { PlacedTile, TileStore } from '../weights/tile-store.ts';
import { Activations, paddedRows } from './activations.ts';
import type { Batch } from './batch.ts';
import { KvCache } from './kv-cache.ts';
import type { PartialSums } from './partial-sums.ts';
import type { RankOptions } from './rank-options.ts';
import { RopeTable } from './rope-table.ts';
import type { StepHeader } from './step.ts';

/** A rank's part of attention: its KV heads with their query heads, and their columns of the output matrix. */
export class AttentionLayer {
  readonly cache: KvCache;
  readonly #kernels: Kernels;
  readonly #config: ModelConfig;
  readonly #tiles: TileStore;
  readonly #tilesPerLayer: readonly number[];
  readonly #rope: RopeTable;
  readonly #storeKv: Kernels['storeKvF16'];
  readonly #attend: Kernels['attentionF16'];
  /** For each attention tile its first KV head in the rank's cache, by tile id. */
  readonly #cacheHeads = new Map<number, number>();
  readonly #query: number;
  readonly #key: number;
  readonly #value: number;
  readonly #scores: number;
  readonly #heads: Activations;

  constructor(
    kernels: Kernels,
    arena: Arena,
    description: ModelDescription,
    specs: readonly TileSpec[],
    tiles: TileStore,
    options: RankOptions,
  ) {
    const { config } = description;
    this.#kernels = kernels;
    this.#config = config;
    this.#tiles = tiles;
    this.#storeKv = options.kvFormat === 'f16' ? kernels.storeKvF16 : kernels.storeKvF32;
    this.#attend = options.kvFormat === 'f16' ? kernels.attentionF16 : kernels.attentionF32;
    this.#tilesPerLayer = tilesPerLayer(specs, 'attention', config.layerCount);
    this.cache = new KvCache(arena, this.#assignCacheHeads(config.layerCount), config.headDim, options);
    const kvRows = Math.max(...specs.filter((spec) => spec.kind === 'attention').map((s) => s.count)) * config.headDim;
    const group = config.headCount / config.kvHeadCount;
    this.#query = arena.alloc(options.maxStepTokens * paddedRows(kvRows * group) * 4);
    this.#key = arena.alloc(options.maxStepTokens * paddedRows(kvRows) * 4);
    this.#value = arena.alloc(options.maxStepTokens * paddedRows(kvRows) * 4);
    this.#heads = new Activations(kernels, arena, options.maxStepTokens, kvRows * group);
    const pageRoundedContext = Math.ceil(options.contextLength / kvPageTokens) * kvPageTokens;
    this.#scores = arena.alloc(group * pageRoundedContext * 4);
    this.#rope = new RopeTable(kernels, arena, description, tiles, options);
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

  /** Makes room for a step's positions. */
  begin(header: StepHeader, batch: Batch): void {
    for (const { slot, start, count } of header.sequences) this.cache.reserve(slot, start + count);
    this.#rope.begin(batch);
  }

  compute(layer: number, batch: Batch, input: Activations, sums: PartialSums): void {
    const tokens = batch.tokens.length;
    for (const tile of this.#tiles.tiles('attention', layer)) {
      this.#project(tile, tokens, input);
      this.#attendTile(tile, batch);
      const output = tile.sections.get('attentionOutput')!;
      this.#heads.replaced(tokens, output.columns);
      sums.add(tokens, this.#tilesPerLayer[layer]!, (partial) => this.#heads.multiply(output, partial, output.rows));
    }
  }

  /** Q, K and V of the tile's heads, with bias and position. */
  #project(tile: PlacedTile, tokens: number, input: Activations): void {
    const { sections, spec } = tile;
    const group = this.#config.headCount / this.#config.kvHeadCount;
    for (const [matrix, bias, target] of [
      ['query', 'queryBias', this.#query],
      ['key', 'keyBias', this.#key],
      ['value', 'valueBias', this.#value],
    ] as const) {
      const section = sections.get(matrix)!;
      const stride = paddedRows(section.rows);
      input.multiply(section, target, stride);
      const biasSection = sections.get(bias);
      if (biasSection) this.#kernels.addBias(target, biasSection.pointer, section.rows, tokens, stride);
    }
    this.#rope.rotate(this.#query, spec.count * group, tokens, paddedRows(sections.get('query')!.rows));
    this.#rope.rotate(this.#key, spec.count, tokens, paddedRows(sections.get('key')!.rows));
  }

  /**
   * Stores the K and V of all tokens, then lets each token attend to its sequence up to itself: what it sees does
   * not depend on which tokens share its step.
   */
  #attendTile({ spec, sections }: PlacedTile, batch: Batch): void {
    const { headDim, headCount, kvHeadCount } = this.#config;
    const group = headCount / kvHeadCount;
    const { pageBytes } = this.cache;
    const kvStride = paddedRows(sections.get('key')!.rows) * 4;
    const queryStride = paddedRows(sections.get('query')!.rows) * 4;
    const headStride = sections.get('attentionOutput')!.columns * 4;
    // f32(1/√headDim); square root and division are exact on every host.
    const scale = Math.fround(1 / Math.sqrt(headDim));
    for (let head = 0; head < spec.count; head += 1) {
      const base = this.cache.head(this.#cacheHeads.get(spec.id)! + head);
      batch.tokens.forEach(({ slot, position }, token) => {
        const page = base + this.cache.page(slot, position) * pageBytes;
        const row = token * kvStride + head * headDim * 4;
        this.#storeKv(page, this.#key + row, this.#value + row, position % kvPageTokens, headDim);
      });
      batch.tokens.forEach(({ slot, position }, token) => {
        const query = this.#query + token * queryStride + head * group * headDim * 4;
        const output = this.#heads.pointer + token * headStride + head * group * headDim * 4;
        const table = this.cache.table(slot);
        this.#attend(query, table, base, pageBytes, position + 1, headDim, group, output, this.#scores, scale);
      });
    }
  }
}
