import {
  type KernelFormatName,
  kernelFormats,
  matmulScratchBytes,
  paddedRowCount,
} from '../kernels/formats.ts';
import { rowFormatOf } from '../kernels/row-formats.ts';
import { ffnTileNeurons } from '../tile/spec.ts';
import type { PlacedSection } from '../weights/placed-tile.ts';
import type { Activations } from './activations.ts';
import type { FfnPlace } from './ffn-gates.ts';
import type { Portion } from './micro-batch.ts';
import type { NeuronLists } from './neuron-lists.ts';

/** All rows are computed in panels from so many tokens on. */
const fewestPanelTokens = 4;

/**
 * Whether that is faster: a panel takes a quarter of the time that a list of all neurons takes, and regrouping as long as
 * a list for one token (Q4_0 of 2048 columns, x86).
 */
function prefersPanels(listed: number, tokens: number, neurons: number): boolean {
  return tokens >= fewestPanelTokens && listed > neurons * (tokens / 4 + 1);
}

/** Products of a tile's listed rows, or of all in panels where that is faster: the same bits. */
export class ListedRows {
  readonly #place: FfnPlace;
  /** A matrix regrouped for panels, and their scratch. */
  readonly #grouped: number;
  readonly #scratch: number;

  constructor(place: FfnPlace) {
    const { own, tokens, config } = place;
    this.#place = place;
    const { packedBytes } = kernelFormats.Q8_0; // the widest type there is
    const manyTokens = tokens >= fewestPanelTokens;
    this.#grouped = own.alloc(manyTokens ? packedBytes(ffnTileNeurons, config.hiddenSize) : 0);
    this.#scratch = own.alloc(manyTokens ? matmulScratchBytes(config.hiddenSize) : 0);
  }

  /**
   * @param isScattered whether lists name records, of which not all are in memory
   * @param y float32 [tokens, ffnTileNeurons]: of each token of the portion the products in the order of its list
   */
  multiply(
    matrix: PlacedSection,
    isScattered: boolean,
    portion: Portion,
    input: Activations,
    lists: NeuronLists,
    y: number,
  ): void {
    const { kernels } = this.#place;
    const tokens = portion.end - portion.first;
    const dense = !isScattered && prefersPanels(lists.total(tokens), tokens, matrix.rows);
    if (dense) this.#multiplyAll(matrix, portion, input, y);
    const { dotRows } = rowFormatOf(matrix.format);
    for (let token = 0; token < tokens; token += 1) {
      const [list, length] = [lists.at(token), lists.lengths[token]!];
      const row = y + token * ffnTileNeurons * 4;
      if (dense) kernels.gatherF32(row, list, length, row);
      else {
        const x = input.address(matrix, portion.first + token);
        dotRows(kernels)(matrix.pointer, list, length, x, row, matrix.columns, matrix.stride);
      }
    }
  }

  #multiplyAll(matrix: PlacedSection, { first, end }: Portion, input: Activations, y: number): void {
    const { kernels } = this.#place;
    const { rows, columns, format, pointer, stride } = matrix;
    rowFormatOf(format).groupRows(kernels)(pointer, this.#grouped, rows, columns, stride);
    const x = input.address(matrix, first);
    const padded = paddedRowCount(rows);
    const { matmul } = kernelFormats[format as KernelFormatName];
    matmul(kernels, this.#grouped, x, y, padded, columns, end - first, ffnTileNeurons, this.#scratch);
  }
}
