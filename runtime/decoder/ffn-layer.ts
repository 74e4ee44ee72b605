import type { Arena } from '../kernels/arena.ts';
import { paddedRowCount } from '../kernels/formats.ts';
import type { Kernels } from '../kernels/kernels.ts';
import { operations } from '../profile/operations.ts';
import type { Recorder } from '../profile/recorder.ts';
import { perThread } from '../threads/scratch.ts';
import type { Team } from '../threads/team.ts';
import { ffnTileNeurons, type TileSpec, tilesPerLayer } from '../tile/spec.ts';
import type { PlacedSection, PlacedTile } from '../weights/placed-tile.ts';
import type { TileStore } from '../weights/tile-store.ts';
import { Activations } from './activations.ts';
import type { Portion } from './micro-batch.ts';
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
  readonly #recorder: Recorder;

  constructor(
    kernels: Kernels,
    arena: Arena,
    layerCount: number,
    specs: readonly TileSpec[],
    tiles: TileStore,
    options: RankOptions,
    team: Team,
  ) {
    this.#kernels = kernels;
    this.#tiles = tiles;
    this.#recorder = team.recorder;
    this.#tilesPerLayer = tilesPerLayer(specs, 'ffn', layerCount);
    const own = perThread(arena, team);
    const tokens = tiles.specs.some(({ kind }) => kind === 'ffn') ? options.maxStepTokens : 0;
    this.#gate = own.alloc(tokens * ffnTileNeurons * 4);
    this.#up = own.alloc(tokens * ffnTileNeurons * 4);
    this.#hidden = new Activations(kernels, own, own, tokens, ffnTileNeurons);
  }

  /** The matrices that multiply a layer's input; alike in all its tiles. */
  inputs(layer: number): readonly PlacedSection[] {
    const [tile] = this.#tiles.tiles('ffn', layer);
    return tile ? [tile.sections.get('gate')!, tile.sections.get('up')!] : [];
  }

  /** This thread's tiles. */
  compute(layer: number, portion: Portion, input: Activations, sums: PartialSums): void {
    const tokens = portion.end - portion.first;
    this.#tiles.eachOwn('ffn', layer, (tile) => {
      const down = tile.sections.get('down')!;
      this.#multiply(tile, portion, input);
      this.#activate(tile, tokens);
      this.#recorder.mark(operations.swiglu);
      this.#hidden.prepare([down], 0, tokens);
      this.#recorder.mark(operations.quantise);
      sums.add(this.#hidden, down, portion, this.#tilesPerLayer[layer]!, operations.down);
    });
  }

  /** Gate and up of the tile's neurons. */
  #multiply({ sections, spec }: PlacedTile, { first, end }: Portion, input: Activations): void {
    const stride = paddedRowCount(spec.count);
    input.multiply(sections.get('gate')!, first, end - first, this.#gate, stride);
    input.multiply(sections.get('up')!, first, end - first, this.#up, stride);
    this.#recorder.mark(operations.gateUp);
  }

  /** Leaves silu(gate) × up of the tile's neurons in `#hidden`. */
  #activate({ spec: { count: neurons } }: PlacedTile, tokens: number): void {
    const stride = paddedRowCount(neurons);
    const { swiglu } = this.#kernels;
    if (stride === neurons) {
      swiglu(this.#gate, this.#up, this.#hidden.pointer, tokens * neurons);
      return;
    }
    for (let token = 0; token < tokens; token += 1) {
      const offset = token * stride * 4;
      swiglu(this.#gate + offset, this.#up + offset, this.#hidden.pointer + token * neurons * 4, neurons);
    }
  }
}
