import { predictorOf } from '../model/approximation.ts';
import { addRowsScratchBytes, rowFormatOf } from '../kernels/row-formats.ts';
import { operations } from '../profile/operations.ts';
import { ffnTileNeurons } from '../tile/spec.ts';
import type { PlacedTile } from '../weights/placed-tile.ts';
import type { Activations } from './activations.ts';
import type { FfnPlace } from './ffn-gates.ts';
import type { FfnTiles } from './ffn-layer.ts';
import { gluKernels } from './glu.ts';
import { ListedRows } from './listed-rows.ts';
import type { Portion } from './micro-batch.ts';
import { GatedNeurons, type NeuronChoice } from './neuron-choice.ts';
import { NeuronLists } from './neuron-lists.ts';
import type { PartialSums } from './partial-sums.ts';
import { PredictedNeurons } from './predicted-neurons.ts';

/**
 * The chosen neurons of a tile, token by token: up and down are computed for those alone. Down's sums are integers
 * (`assembly/row-factors.ts`), so where what is left out is exactly zero not a bit depends on it.
 */
export class SparseFfn implements FfnTiles {
  readonly #place: FfnPlace;
  readonly #lists: NeuronLists;
  readonly #rows: ListedRows;
  readonly #gated: NeuronChoice;
  readonly #predicted: NeuronChoice | undefined;
  /** float32 [tokens, ffnTileNeurons]: ups and at last values, in the order of the lists. */
  readonly #values: number;
  readonly #scratch: number;

  constructor(place: FfnPlace) {
    const { arena, own, tokens, config, approximation } = place;
    this.#place = place;
    this.#lists = new NeuronLists(arena, own, tokens);
    this.#rows = new ListedRows(place, this.#lists);
    this.#gated = new GatedNeurons(place, this.#lists);
    if (approximation?.kind === 'predicted')
      this.#predicted = new PredictedNeurons(place, this.#lists, this.#rows);
    this.#values = own.alloc(tokens * ffnTileNeurons * 4);
    this.#scratch = own.alloc(addRowsScratchBytes(config.hiddenSize));
  }

  begin(layer: number, portion: Portion, input: Activations): void {
    this.#choiceOf(layer).begin?.(layer, portion, input);
  }

  compute(
    tile: PlacedTile,
    portion: Portion,
    input: Activations,
    sums: PartialSums,
    tileCount: number,
  ): void {
    const { team, options } = this.#place;
    const { layer, count } = tile.spec;
    const tokens = portion.end - portion.first;
    const gate = this.#choiceOf(layer).choose(tile, portion, input);
    const neurons = this.#lists.total(tokens);
    options.ffn?.onRows?.({ layer, rows: tokens * count, gate, neurons });
    this.#rows.multiply(tile.sections.get('up')!, portion, input, this.#values);
    team.recorder.mark(operations.gateUp);
    for (let token = 0; token < tokens; token += 1) this.#activate(token);
    team.recorder.mark(operations.swiglu);
    const addRows = (first: number, rows: number, y: number, yStride: number) => {
      for (let i = 0; i < rows; i += 1) this.#addToken(tile, first + i, y + i * yStride * 4);
    };
    sums.add(addRows, portion, tileCount, operations.down);
  }

  #choiceOf(layer: number): NeuronChoice {
    const predictor = predictorOf(this.#place.approximation, layer);
    return predictor && this.#predicted ? this.#predicted : this.#gated;
  }

  /** From gates and ups to values; those that are zero leave the list. */
  #activate(token: number): void {
    const { kernels, gates, config, options } = this.#place;
    const { lengths } = this.#lists;
    const offset = token * ffnTileNeurons * 4;
    const values = this.#values + offset;
    gluKernels[config.activation](kernels)(gates + offset, values, values, lengths[token]!);
    if (!options.ffn?.everyNeuron)
      lengths[token] = kernels.dropZeros(values, this.#lists.at(token), lengths[token]!);
  }

  /** Writes down · neurons of one token to y. */
  #addToken({ sections }: PlacedTile, token: number, y: number): void {
    const { pointer, columns, format, stride } = sections.get('down')!;
    rowFormatOf(format).addRows(this.#place.kernels)(
      pointer,
      this.#lists.at(token),
      this.#lists.lengths[token]!,
      this.#values + token * ffnTileNeurons * 4,
      y,
      columns,
      this.#scratch,
      stride,
    );
  }
}
