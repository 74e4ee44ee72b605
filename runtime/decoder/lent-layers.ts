import {
  GpuLayers,
  type GpuLayersShape,
  type LayersInput,
  type LayersOutput,
} from '../gpu/layers/gpu-layers.ts';
import { layerCodes } from '../gpu/layers/layer-codes.ts';
import { measureLayers } from '../gpu/layers/layer-times.ts';
import { type LayerSpecs, layerBytes, layersShape } from '../gpu/layers/layers-shape.ts';
import { seatWords } from '../gpu/wgsl/seats.ts';
import type { Arena } from '../kernels/arena.ts';
import { pagePositions } from '../kernels/kv-page.ts';
import type { TileSpec } from '../tile/spec.ts';
import type { BatchToken } from './batch.ts';
import type { LayerLoan, Lending } from './lending.ts';
import { layerTilesOf } from './lent-ffn.ts';
import { Loans } from './loans.ts';
import { layersOf } from './lone-layers.ts';
import { flagOverflow } from './partial-sums.ts';
import type { RankOptions } from './rank-options.ts';
import type { Stage } from './stage.ts';
import { type StepEvent, type StepHeader, tokenCount } from './step.ts';

/**
 * Gives the layers that a rank computes alone to a GPU, whole.
 * @returns undefined if it cannot compute them, or that is never worth it
 * @throws HearthError GPU_LOST
 */
export async function lendLayers(
  lending: Lending,
  stage: Stage,
  arena: Arena,
  options: RankOptions,
): Promise<LentLayers | undefined> {
  const run = stage.loneLayers;
  if (!lending.layers || !run) return undefined;
  const { gpu, clock } = lending;
  const { config } = stage;
  const numbers = layersOf(run);
  const specs = numbers.map((layer) => specsOf(stage, layer));
  const shape = layersShape(gpu, config, options, specs);
  if (!shape) return undefined;
  let layers: GpuLayers | undefined;
  const held = async () => {
    layers ??= await holdLayers(lending, stage, arena, shape, specs);
    return layers;
  };
  const bytes = layerBytes(config, options, specs);
  const isWorth = await lending.layers(run, bytes, async () => measureLayers(await held(), clock, shape));
  if (isWorth) return new LentLayers(stage, await held(), lending.onLost, numbers, shape.maxTokens, isWorth);
  layers?.close();
  return undefined;
}

/** Puts layers on the GPU, ready to compute. @throws HearthError GPU_LOST */
async function holdLayers(
  { gpu, clock }: Lending,
  stage: Stage,
  arena: Arena,
  shape: GpuLayersShape,
  specs: readonly LayerSpecs[],
): Promise<GpuLayers> {
  await gpu.prepare(layerCodes(gpu, shape, specs), clock);
  const layers = new GpuLayers(gpu, clock, shape, specs.length);
  const bytesOf = (spec: TileSpec) => ({ spec, bytes: stage.tiles.slot(spec.id)!.slice() });
  for (const { layer, attention, ffn } of specs) {
    const norm = (role: 'attentionNorm' | 'ffnNorm') =>
      arena.u32(stage.tiles.baseSection(role, layer).pointer, shape.config.hiddenSize).slice();
    layers.hold({
      layer,
      attentionNorm: norm('attentionNorm'),
      ffnNorm: norm('ffnNorm'),
      attention: attention.map(bytesOf),
      ffn: layerTilesOf(stage, arena, layer, ffn),
    });
  }
  await layers.warmUp();
  return layers;
}

function specsOf(stage: Stage, layer: number): LayerSpecs {
  const of = (kind: 'attention' | 'ffn') => stage.tiles.tiles(kind, layer).map(({ spec }) => spec);
  const predictorInput = stage.ffn.choice(layer).predictor?.format;
  return { layer, attention: of('attention'), ffn: of('ffn'), predictorInput };
}

/**
 * Layers of a stage that a GPU computes whole: the residual goes there and comes back once for all of them. Tiles stay in
 * memory, and so do all K and V: what the GPU computes of them comes back too, and what the processor has computed
 * meanwhile is given to it. So either can go on from the other, at any step.
 */
export class LentLayers implements LayerLoan {
  /** Which they are. */
  readonly #numbers: readonly number[];
  readonly #stage: Stage;
  readonly #layers: GpuLayers;
  readonly #isWorth: (tokens: number, positions: number) => boolean;
  readonly #loans: Loans;
  /** Most tokens at once. */
  readonly #together: number;
  /** For each slot the positions, from the first on, whose K and V the GPU has as they are in memory. */
  readonly #mirrored = new Map<number, number>();

  constructor(
    stage: Stage,
    layers: GpuLayers,
    onLost: Lending['onLost'],
    numbers: readonly number[],
    together: number,
    isWorth: (tokens: number, positions: number) => boolean,
  ) {
    this.#numbers = numbers;
    this.#stage = stage;
    this.#layers = layers;
    this.#isWorth = isWorth;
    this.#loans = new Loans(onLost);
    this.#together = together;
  }

  get tiles(): number {
    if (this.#loans.isLost) return 0;
    const counts = this.#numbers.map((layer) => specsOf(this.#stage, layer));
    return counts.reduce((sum, { attention, ffn }) => sum + attention.length + ffn.length, 0);
  }

  begin(header: StepHeader): boolean {
    for (const { slot, start } of header.sequences) this.keep(slot, start);
    const positions = Math.max(...header.sequences.map(({ start, count }) => start + count));
    return this.#loans.isFree && this.#isWorth(tokenCount(header), positions);
  }

  keep(slot: number, positions: number): void {
    this.#mirrored.set(slot, Math.min(positions, this.#mirrored.get(slot) ?? 0));
  }

  *compute(tokens: readonly BatchToken[], first: number): Generator<StepEvent, boolean, void> {
    const outputs: LayersOutput[] = [];
    for (let at = 0; at < tokens.length; at += this.#together) {
      const part = tokens.slice(at, at + this.#together);
      const output = yield* this.#compute(part, first + at);
      // What is not finite the processor will find, and tell of it.
      if (!output || output.flags & flagOverflow) return false;
      this.#store(part, output);
      outputs.push(output);
    }
    let row = first;
    for (const { residual } of outputs) {
      const rows = residual.length / this.#stage.config.hiddenSize;
      this.#stage.residual(row, row + rows).set(residual);
      row += rows;
    }
    return true;
  }

  *#compute(
    tokens: readonly BatchToken[],
    first: number,
  ): Generator<StepEvent, LayersOutput | undefined, void> {
    if (!this.#loans.isFree) return undefined;
    const layers = this.#numbers;
    const input: LayersInput = {
      tokens: tokens.length,
      residual: this.#stage.residual(first, first + tokens.length).slice(),
      seats: this.#seats(tokens),
      angles: this.#stage.attention.angles(tokens),
    };
    const loan = this.#loans.hand(() => {
      this.#mirror(tokens);
      this.#layers.begin(layers, input);
      return this.#layers.result(layers, tokens.length);
    });
    yield { kind: 'awaitTiles', ready: loan.ready };
    return loan.result;
  }

  /** Gives the GPU what of these sequences it lacks, or has otherwise. */
  #mirror(tokens: readonly BatchToken[]): void {
    for (const { slot, position } of firstOf(tokens)) {
      const has = this.#mirrored.get(slot) ?? 0;
      if (has >= position) continue;
      for (let page = Math.floor(has / pagePositions); page * pagePositions < position; page += 1)
        for (const layer of this.#numbers) this.#writePage(layer, slot, page);
      this.#mirrored.set(slot, position);
    }
  }

  #writePage(layer: number, slot: number, page: number): void {
    const { attention, tiles } = this.#stage;
    const index = attention.cache.page(slot, page * pagePositions);
    for (const { spec } of tiles.tiles('attention', layer))
      attention.kvPage(slot, page, spec).forEach((bytes, i) => {
        // A copy: a GPU does not everywhere take memory that threads share.
        this.#layers.writePage(layer, spec.first + i, index, bytes.slice());
      });
  }

  /** See `seats`. */
  #seats(tokens: readonly BatchToken[]): Uint32Array<ArrayBuffer> {
    const { cache } = this.#stage.attention;
    const tables: number[] = [];
    const begins = new Map<number, number>();
    for (const { slot, position } of lastOf(tokens)) {
      begins.set(slot, tokens.length * seatWords + tables.length);
      for (let at = 0; at <= position; at += pagePositions) tables.push(cache.page(slot, at));
    }
    const seats = tokens.flatMap(({ slot, position, page }) => [
      begins.get(slot)!,
      position + 1,
      page,
      position % pagePositions,
    ]);
    return Uint32Array.from([...seats, ...tables]);
  }

  /** What came back, into memory. */
  #store(tokens: readonly BatchToken[], { rows }: LayersOutput): void {
    this.#numbers.forEach((layer, i) => {
      this.#stage.attention.store(layer, tokens, ...rows[i]!);
    });
    for (const { slot, position } of lastOf(tokens)) this.#mirrored.set(slot, position + 1);
  }

  /** Frees what lies on the GPU, once that has brought what it has in hand. */
  close(): void {
    this.#loans.close(() => this.#layers.close());
  }
}

/** Of each sequence its first token, or its last. */
function firstOf(tokens: readonly BatchToken[]): readonly BatchToken[] {
  return lastOf(tokens.toReversed());
}

function lastOf(tokens: readonly BatchToken[]): readonly BatchToken[] {
  return [...new Map(tokens.map((token) => [token.slot, token])).values()];
}
