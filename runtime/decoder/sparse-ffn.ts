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

/** Cold tiles whose records a thread waits for at a time; fewer than `mostBatches`. */
const mostWaiting = 4;

/** A tile of which the neurons are chosen. */
interface ChosenTile {
  readonly tile: PlacedTile;
  readonly portion: Portion;
  readonly input: Activations;
  readonly sums: PartialSums;
  readonly tileCount: number;
  readonly lists: NeuronLists;
  /** Rows of the gate that were or will be computed. */
  readonly gateRows: number;
}

/**
 * The chosen neurons of a tile, token by token: up and down are computed for those alone. Down's sums are integers
 * (`assembly/row-factors.ts`), so where what is left out is exactly zero not a bit depends on it. Of a cold tile the records
 * of those are read, while other tiles are computed.
 */
export class SparseFfn implements FfnTiles {
  readonly #place: FfnPlace;
  /** Of the tile at hand; then of cold ones, in turn. */
  readonly #lists: readonly NeuronLists[];
  readonly #rows: ListedRows;
  readonly #gated: NeuronChoice;
  readonly #predicted: NeuronChoice | undefined;
  /** float32 [tokens, ffnTileNeurons]: ups and at last values, in the order of the lists. */
  readonly #values: number;
  readonly #scratch: number;
  /** Cold tiles, in the order in which their records were asked for. */
  readonly #waiting: ChosenTile[] = [];
  readonly #wanted = new Uint8Array(ffnTileNeurons);

  constructor(place: FfnPlace) {
    const { arena, own, tokens, config, approximation, tiles } = place;
    this.#place = place;
    const hasCold = tiles.residency !== undefined && tiles.residency.cold.size > 0;
    this.#lists = Array.from(
      { length: 1 + (hasCold ? mostWaiting : 0) },
      () => new NeuronLists(arena, own, tokens),
    );
    this.#rows = new ListedRows(place);
    this.#gated = new GatedNeurons(place);
    if (approximation?.kind === 'predicted') this.#predicted = new PredictedNeurons(place, this.#rows);
    this.#values = own.alloc(tokens * ffnTileNeurons * 4);
    this.#scratch = own.alloc(addRowsScratchBytes(config.hiddenSize));
  }

  begin(layer: number, portion: Portion, input: Activations): void {
    // A step that was given up may have left some.
    this.#waiting.length = 0;
    this.#place.tiles.cold?.settle();
    this.#choiceOf(layer).begin?.(layer, portion, input);
  }

  compute(
    tile: PlacedTile,
    portion: Portion,
    input: Activations,
    sums: PartialSums,
    tileCount: number,
  ): void {
    const isCold = this.#place.tiles.isCold(tile);
    if (isCold && this.#waiting.length === mostWaiting) this.#finishOldest();
    const used = new Set(this.#waiting.map(({ lists }) => lists));
    const lists = isCold ? this.#lists.find((it, i) => i > 0 && !used.has(it))! : this.#lists[0]!;
    const gateRows = this.#choiceOf(tile.spec.layer).choose(tile, portion, input, lists);
    const chosen = { tile, portion, input, sums, tileCount, lists, gateRows };
    if (isCold) this.#ask(chosen);
    else this.#finish(chosen);
  }

  end(): void {
    while (this.#waiting.length > 0) this.#finishOldest();
  }

  #choiceOf(layer: number): NeuronChoice {
    const predictor = predictorOf(this.#place.approximation, layer);
    return predictor && this.#predicted ? this.#predicted : this.#gated;
  }

  /** Asks for the records of a cold tile. One of which no neuron is wanted is done: it has nothing to add. */
  #ask(chosen: ChosenTile): void {
    const { tile, portion, lists } = chosen;
    const tokens = portion.end - portion.first;
    if (lists.total(tokens) === 0) {
      this.#tell(chosen, 0);
      return;
    }
    lists.mark(tokens, this.#wanted);
    while (!this.#place.tiles.cold!.ask(tile, this.#wanted)) this.#finishOldest();
    this.#waiting.push(chosen);
  }

  #finishOldest(): void {
    const chosen = this.#waiting.shift()!;
    const { portion, lists } = chosen;
    const cold = this.#place.tiles.cold!;
    const numbers = cold.take();
    if (numbers) lists.renumber(portion.end - portion.first, numbers);
    this.#finish(chosen);
    cold.release();
  }

  /** Adds what the chosen neurons have to add, when their records are in memory. */
  #finish(chosen: ChosenTile): void {
    const { tile, portion, input, sums, tileCount, lists } = chosen;
    const { team } = this.#place;
    const tokens = portion.end - portion.first;
    this.#choiceOf(tile.spec.layer).gate?.(tile, portion, input, lists);
    this.#tell(chosen, lists.total(tokens));
    this.#rows.multiply(tile.sections.get('up')!, tile.isScattered, portion, input, lists, this.#values);
    team.recorder.mark(operations.gateUp);
    for (let token = 0; token < tokens; token += 1) this.#activate(token, lists);
    team.recorder.mark(operations.swiglu);
    const addRows = (first: number, rows: number, y: number, yStride: number) => {
      for (let i = 0; i < rows; i += 1) this.#addToken(tile, lists, first + i, y + i * yStride * 4);
    };
    sums.add(addRows, portion, tileCount, operations.down);
  }

  #tell({ tile, portion, gateRows: gate }: ChosenTile, neurons: number): void {
    const { layer, count } = tile.spec;
    const rows = (portion.end - portion.first) * count;
    this.#place.options.ffn?.onRows?.({ layer, rows, gate, neurons });
  }

  /** From gates and ups to values; those that are zero leave the list. */
  #activate(token: number, lists: NeuronLists): void {
    const { kernels, config, options } = this.#place;
    const { lengths } = lists;
    const values = this.#values + token * ffnTileNeurons * 4;
    gluKernels[config.activation](kernels)(lists.gatesAt(token), values, values, lengths[token]!);
    if (!options.ffn?.everyNeuron)
      lengths[token] = kernels.dropZeros(values, lists.at(token), lengths[token]!);
  }

  /** Writes down · neurons of one token to y. */
  #addToken({ sections }: PlacedTile, lists: NeuronLists, token: number, y: number): void {
    const { pointer, columns, format, stride } = sections.get('down')!;
    rowFormatOf(format).addRows(this.#place.kernels)(
      pointer,
      lists.at(token),
      lists.lengths[token]!,
      this.#values + token * ffnTileNeurons * 4,
      y,
      columns,
      this.#scratch,
      stride,
    );
  }
}
