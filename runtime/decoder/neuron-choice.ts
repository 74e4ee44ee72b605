import { cutOf } from '../model/approximation.ts';
import { operations } from '../profile/operations.ts';
import { ffnTileNeurons } from '../tile/spec.ts';
import type { PlacedTile } from '../weights/placed-tile.ts';
import type { Activations } from './activations.ts';
import { type FfnPlace, multiplyGates } from './ffn-gates.ts';
import type { Portion } from './micro-batch.ts';
import type { NeuronLists } from './neuron-lists.ts';

/** Decides which neurons of a tile are computed. */
export interface NeuronChoice {
  /** Once before the tiles of a layer. */
  begin?(layer: number, portion: Portion, input: Activations): void;
  /**
   * Lists the neurons of each token of the portion, by what a tile has for all tokens.
   * @returns rows of the gate that all tokens together take
   */
  choose(tile: PlacedTile, portion: Portion, input: Activations, lists: NeuronLists): number;
  /** When the records of those are in memory: leaves gates in the order of the lists, from which some may go. */
  gate?(tile: PlacedTile, portion: Portion, input: Activations, lists: NeuronLists): void;
}

/**
 * By their gates, of which all are computed: those that fire, or in a SwiGLU model those whose silu is not below the layer's
 * cut; without cuts that is all of them.
 */
export class GatedNeurons implements NeuronChoice {
  readonly #place: FfnPlace;

  constructor(place: FfnPlace) {
    this.#place = place;
  }

  choose(tile: PlacedTile, portion: Portion, input: Activations, lists: NeuronLists): number {
    const { kernels, options, team } = this.#place;
    const { layer, count } = tile.spec;
    const tokens = portion.end - portion.first;
    multiplyGates(this.#place, tile, portion, input, lists.gates, ffnTileNeurons);
    team.recorder.mark(operations.gateUp);
    for (let token = 0; token < tokens; token += 1) {
      const [row, list] = [lists.gatesAt(token), lists.at(token)];
      if (options.ffn?.everyNeuron) lists.takeAll(token, count);
      else lists.lengths[token] = this.#listOne(layer, row, count, list);
      kernels.gatherF32(row, list, lists.lengths[token]!, row);
    }
    team.recorder.mark(operations.swiglu);
    return tokens * count;
  }

  #listOne(layer: number, gates: number, count: number, list: number): number {
    const { kernels, config, approximation } = this.#place;
    if (config.activation !== 'silu') return kernels.firingNeurons(gates, count, list);
    return kernels.neuronsOverCut(gates, count, cutOf(approximation, layer), list);
  }
}
