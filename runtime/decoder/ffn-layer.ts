import type { Arena } from '../kernels/arena.ts';
import type { Kernels } from '../kernels/kernels.ts';
import { type Approximation, cutOf, predictorOf } from '../model/approximation.ts';
import type { ModelDescription } from '../model/description.ts';
import { perThread } from '../threads/scratch.ts';
import type { Team } from '../threads/team.ts';
import { type TileSpec, tilesPerLayer } from '../tile/spec.ts';
import type { PlacedSection, PlacedTile } from '../weights/placed-tile.ts';
import type { TileStore } from '../weights/tile-store.ts';
import type { Activations } from './activations.ts';
import { DenseFfn } from './dense-ffn.ts';
import type { Portion } from './micro-batch.ts';
import type { PartialSums } from './partial-sums.ts';
import type { RankOptions } from './rank-options.ts';
import { SparseFfn } from './sparse-ffn.ts';

/** How a tile of neurons is computed. */
export interface FfnTiles {
  /** Once before the tiles of a layer. */
  begin?(layer: number, portion: Portion, input: Activations): void;
  /** Adds down · neurons(gate · x, up · x) of one tile, for the tokens of a portion. */
  compute(tile: PlacedTile, portion: Portion, input: Activations, sums: PartialSums, tileCount: number): void;
  /** Once behind them: what was put off, to wait for weights, is computed. */
  end?(): void;
}

/** A rank's part of the gated FFN, tile by tile. */
export class FfnLayer {
  readonly #tiles: TileStore;
  readonly #tilesPerLayer: readonly number[];
  readonly #neurons: FfnTiles;
  readonly #approximation: Approximation | undefined;
  readonly #everyNeuron: boolean;

  constructor(
    kernels: Kernels,
    arena: Arena,
    { config, neuronRows, approximation }: ModelDescription,
    specs: readonly TileSpec[],
    tiles: TileStore,
    options: RankOptions,
    team: Team,
  ) {
    this.#tiles = tiles;
    this.#tilesPerLayer = tilesPerLayer(specs, 'ffn', config.layerCount);
    const tokens = tiles.specs.some(({ kind }) => kind === 'ffn') ? options.maxStepTokens : 0;
    const own = perThread(arena, team);
    const Neurons = neuronRows ? SparseFfn : DenseFfn;
    const model = { config, approximation, tiles };
    this.#neurons = new Neurons({ kernels, arena, own, tokens, options, team, ...model });
    this.#approximation = approximation;
    this.#everyNeuron = options.ffn?.everyNeuron ?? false;
  }

  /** The matrices that multiply a layer's input; alike in all its tiles. */
  inputs(layer: number): readonly PlacedSection[] {
    const [tile] = this.#tiles.tiles('ffn', layer);
    if (!tile) return [];
    const { predictor } = this.choice(layer);
    return [...(predictor ? [predictor] : []), tile.sections.get('gate')!, tile.sections.get('up')!];
  }

  /**
   * By what a layer's neurons are chosen, but for their firing: a predictor and the threshold of its scores, or a cut.
   */
  choice(layer: number): { readonly limit: number; readonly predictor?: PlacedSection } {
    const approximation = this.#approximation;
    if (approximation?.kind === 'predicted' && predictorOf(approximation, layer))
      return {
        limit: approximation.threshold,
        predictor: this.#tiles.baseSection('predictorInput', layer),
      };
    return { limit: this.#everyNeuron ? 0 : cutOf(approximation, layer) };
  }

  /** Tiles of a layer, on all ranks together. */
  tileCount(layer: number): number {
    return this.#tilesPerLayer[layer]!;
  }

  /** Tiles that were lent and came back uncomputed. */
  computeLent(layer: number, portion: Portion, input: Activations, sums: PartialSums): void {
    const tileCount = this.tileCount(layer);
    for (const tile of this.#tiles.lentTiles(layer))
      this.#neurons.compute(tile, portion, input, sums, tileCount);
  }

  /** This thread's tiles. */
  compute(layer: number, portion: Portion, input: Activations, sums: PartialSums): void {
    const tileCount = this.tileCount(layer);
    this.#neurons.begin?.(layer, portion, input);
    this.#tiles.eachOwn('ffn', layer, (tile) => this.#neurons.compute(tile, portion, input, sums, tileCount));
    this.#neurons.end?.();
  }
}
