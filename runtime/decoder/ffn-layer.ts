import type { Arena } from '../kernels/arena.ts';
import { paddedRowCount } from '../kernels/formats.ts';
import type { Kernels } from '../kernels/kernels.ts';
import { ffnTileNeurons, type TileSpec, tilesPerLayer } from '../tile/spec.ts';
import type { PlacedTile, TileStore } from '../weights/tile-store.ts';
import { Activations } from './activations.ts';
import type { Batch } from './batch.ts';
import type { PartialSums } from './partial-sums.ts';
import type { RankOptions } from './rank-options.ts';

/** A rank's part of the SwiGLU FFN: down · (silu(gate · x) × (up · x)), tile by tile (arXiv 2002.05202). */
export class FfnLayer {
  readonly #kernels: Kernels;
  readonly #tiles: TileStore;
  readonly #tilesPerLayer: readonly number[];
  readonly #gate: number;
  readonly #up: number;
  readonly #hidden: Activations;

  constructor(
    kernels: Kernels,
    arena: Arena,
    layerCount: number,
    specs: readonly TileSpec[],
    tiles: TileStore,
    options: RankOptions,
  ) {
    this.#kernels = kernels;
    this.#tiles = tiles;
    this.#tilesPerLayer = tilesPerLayer(specs, 'ffn', layerCount);
    this.#gate = arena.alloc(options.maxStepTokens * ffnTileNeurons * 4);
    this.#up = arena.alloc(options.maxStepTokens * ffnTileNeurons * 4);
    this.#hidden = new Activations(kernels, arena, options.maxStepTokens, ffnTileNeurons);
  }

  compute(layer: number, batch: Batch, input: Activations, sums: PartialSums): void {
    const tokens = batch.tokens.length;
    for (const tile of this.#tiles.tiles('ffn', layer)) {
      this.#activate(tile, tokens, input);
      const down = tile.sections.get('down')!;
      sums.add(tokens, this.#tilesPerLayer[layer]!, (partial) =>
        this.#hidden.multiply(down, partial, down.rows),
      );
    }
  }

  /** Leaves silu(gate) × up of the tile's neurons in `#hidden`. */
  #activate(tile: PlacedTile, tokens: number, input: Activations): void {
    const neurons = tile.spec.count;
    const stride = paddedRowCount(neurons);
    input.multiply(tile.sections.get('gate')!, this.#gate, stride);
    input.multiply(tile.sections.get('up')!, this.#up, stride);
    if (stride === neurons)
      this.#kernels.swiglu(this.#gate, this.#up, this.#hidden.pointer, tokens * neurons);
    else {
      for (let token = 0; token < tokens; token += 1) {
        const offset = token * stride * 4;
        this.#kernels.swiglu(
          this.#gate + offset,
          this.#up + offset,
          this.#hidden.pointer + token * neurons * 4,
          neurons,
        );
      }
    }
    this.#hidden.replaced(tokens, neurons);
  }
}
