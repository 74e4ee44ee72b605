import { paddedRowCount } from '../kernels/formats.ts';
import { operations } from '../profile/operations.ts';
import { ffnTileNeurons } from '../tile/spec.ts';
import type { PlacedTile } from '../weights/placed-tile.ts';
import { Activations } from './activations.ts';
import { type FfnPlace, multiplyGates } from './ffn-gates.ts';
import type { FfnTiles } from './ffn-layer.ts';
import { gluKernels } from './glu.ts';
import type { Portion } from './micro-batch.ts';
import type { PartialSums } from './partial-sums.ts';

/** All neurons of a tile, whatever their gates. */
export class DenseFfn implements FfnTiles {
  readonly #place: FfnPlace;
  readonly #gates: number;
  readonly #up: number;
  readonly #hidden: Activations;

  constructor(place: FfnPlace) {
    const { kernels, own, tokens } = place;
    this.#place = place;
    this.#gates = own.alloc(tokens * ffnTileNeurons * 4);
    this.#up = own.alloc(tokens * ffnTileNeurons * 4);
    this.#hidden = new Activations(kernels, own, own, tokens, ffnTileNeurons);
  }

  compute(
    tile: PlacedTile,
    portion: Portion,
    input: Activations,
    sums: PartialSums,
    tileCount: number,
  ): void {
    const { recorder } = this.#place.team;
    const down = tile.sections.get('down')!;
    const tokens = portion.end - portion.first;
    multiplyGates(this.#place, tile, portion, input, this.#gates);
    const stride = paddedRowCount(tile.spec.count);
    input.multiply(tile.sections.get('up')!, portion.first, tokens, this.#up, stride);
    recorder.mark(operations.gateUp);
    this.#activate(tile.spec.count, tokens);
    recorder.mark(operations.swiglu);
    this.#hidden.prepare([down], 0, tokens);
    recorder.mark(operations.quantise);
    sums.add(this.#hidden.product(down), portion, tileCount, operations.down);
  }

  /** Leaves the neurons' values in `#hidden`. */
  #activate(neurons: number, tokens: number): void {
    const { kernels, config } = this.#place;
    const gates = this.#gates;
    const glu = gluKernels[config.activation](kernels);
    const stride = paddedRowCount(neurons);
    if (stride === neurons) {
      glu(gates, this.#up, this.#hidden.pointer, tokens * neurons);
      return;
    }
    for (let token = 0; token < tokens; token += 1) {
      const offset = token * stride * 4;
      glu(gates + offset, this.#up + offset, this.#hidden.pointer + token * neurons * 4, neurons);
    }
  }
}
