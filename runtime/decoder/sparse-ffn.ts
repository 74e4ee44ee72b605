import {
  type KernelFormatName,
  kernelFormats,
  matmulScratchBytes,
  paddedRowCount,
} from '../kernels/formats.ts';
import { addRowsScratchBytes, rowFormatOf } from '../kernels/row-formats.ts';
import { operations } from '../profile/operations.ts';
import { ffnTileNeurons } from '../tile/spec.ts';
import type { PlacedSection, PlacedTile } from '../weights/placed-tile.ts';
import type { Activations } from './activations.ts';
import { type FfnPlace, multiplyGates } from './ffn-gates.ts';
import type { FfnTiles } from './ffn-layer.ts';
import { gluKernels } from './glu.ts';
import type { Portion } from './micro-batch.ts';
import type { PartialSums } from './partial-sums.ts';

/** Up of all neurons is computed in panels from so many tokens on. */
const fewestPanelTokens = 4;

/**
 * Whether that is faster: a panel takes a quarter of the time that a list of all neurons takes, and regrouping as long as
 * a list for one token (Q4_0 of 2048 columns, x86).
 */
function prefersPanels(fired: number, tokens: number, neurons: number): boolean {
  return tokens >= fewestPanelTokens && fired > neurons * (tokens / 4 + 1);
}

/**
 * The neurons of a tile that fire, token by token: gates are computed for all of them, up and down for those alone. What
 * is left out is exactly zero, and down's sums are integers (`assembly/row-factors.ts`), so not a bit depends on it.
 */
export class SparseFfn implements FfnTiles {
  readonly #place: FfnPlace;
  /** int32 [tokens, neurons]: which fire. */
  readonly #lists: number;
  readonly #lengths: Int32Array;
  /** float32 [neurons]: gates, ups and at last values of a list. */
  readonly #listGates: number;
  readonly #values: number;
  readonly #scratch: number;
  /** Up of all neurons, where that is faster: regrouped, its scratch, and float32 [tokens, neurons]. */
  readonly #grouped: number;
  readonly #matmulScratch: number;
  readonly #ups: number;

  constructor(place: FfnPlace) {
    const { own, tokens, config } = place;
    this.#place = place;
    const neurons = tokens > 0 ? ffnTileNeurons : 0;
    this.#lists = own.alloc(tokens * neurons * 4);
    this.#lengths = new Int32Array(tokens);
    this.#listGates = own.alloc(neurons * 4);
    this.#values = own.alloc(neurons * 4);
    this.#scratch = own.alloc(addRowsScratchBytes(config.hiddenSize));
    const manyTokens = tokens >= fewestPanelTokens;
    // Of the widest type there is.
    this.#grouped = own.alloc(manyTokens ? kernelFormats.Q8_0.packedBytes(neurons, config.hiddenSize) : 0);
    this.#matmulScratch = own.alloc(manyTokens ? matmulScratchBytes(config.hiddenSize) : 0);
    this.#ups = own.alloc(manyTokens ? tokens * neurons * 4 : 0);
  }

  compute(
    tile: PlacedTile,
    portion: Portion,
    input: Activations,
    sums: PartialSums,
    tileCount: number,
  ): void {
    const { recorder } = this.#place.team;
    const tokens = portion.end - portion.first;
    multiplyGates(this.#place, tile, portion, input);
    recorder.mark(operations.gateUp);
    const fired = this.#listFiring(tile.spec.count, tokens);
    recorder.mark(operations.swiglu);
    const dense = prefersPanels(fired, tokens, tile.spec.count);
    if (dense) this.#multiplyUps(tile.sections.get('up')!, portion, input);
    const addRows = (first: number, count: number, y: number, yStride: number) => {
      for (let i = 0; i < count; i += 1)
        this.#addToken(tile, portion.first, first + i, input, y + i * yStride * 4, dense);
    };
    sums.add(addRows, portion, tileCount, operations.down);
  }

  /** @returns how many fire, of all tokens together */
  #listFiring(neurons: number, tokens: number): number {
    const { kernels, arena, gates, options } = this.#place;
    const stride = paddedRowCount(neurons) * 4;
    let fired = 0;
    for (let token = 0; token < tokens; token += 1) {
      const list = this.#lists + token * ffnTileNeurons * 4;
      this.#lengths[token] = kernels.firingNeurons(gates + token * stride, neurons, list);
      fired += this.#lengths[token]!;
      if (!options.ffn?.everyNeuron) continue;
      arena.i32(list, neurons).forEach((_, i, all) => {
        all[i] = i;
      });
      this.#lengths[token] = neurons;
    }
    return fired;
  }

  /** Up of all neurons, in panels. */
  #multiplyUps(up: PlacedSection, { first, end }: Portion, input: Activations): void {
    const { kernels, team } = this.#place;
    const { rows, columns, format } = up;
    rowFormatOf(format).groupRows(kernels)(up.pointer, this.#grouped, rows, columns);
    const [padded, x] = [paddedRowCount(rows), input.address(up, first)];
    const { matmul } = kernelFormats[format as KernelFormatName];
    matmul(kernels, this.#grouped, x, this.#ups, padded, columns, end - first, padded, this.#matmulScratch);
    team.recorder.mark(operations.gateUp);
  }

  /** Writes down · neurons of one token to y. @param firstRow of the portion in `input` */
  #addToken(
    { sections, spec }: PlacedTile,
    firstRow: number,
    token: number,
    input: Activations,
    y: number,
    dense: boolean,
  ): void {
    const { kernels, gates, config, options, team } = this.#place;
    const [up, down] = [sections.get('up')!, sections.get('down')!];
    const row = token * paddedRowCount(spec.count) * 4;
    const list = this.#lists + token * ffnTileNeurons * 4;
    let length = this.#lengths[token]!;
    if (dense) kernels.gatherF32(this.#ups + row, list, length, this.#values);
    else {
      const x = input.address(up, firstRow + token);
      rowFormatOf(up.format).dotRows(kernels)(up.pointer, list, length, x, this.#values, up.columns);
    }
    team.recorder.mark(operations.gateUp);
    kernels.gatherF32(gates + row, list, length, this.#listGates);
    gluKernels[config.activation](kernels)(this.#listGates, this.#values, this.#values, length);
    if (!options.ffn?.everyNeuron) length = kernels.dropZeros(this.#values, list, length);
    team.recorder.mark(operations.swiglu);
    rowFormatOf(down.format).addRows(kernels)(
      down.pointer,
      list,
      length,
      this.#values,
      y,
      down.columns,
      this.#scratch,
    );
  }
}
