import { type ActivationFormat, activationBytes, quantizeActivations } from '../kernels/activations.ts';
import {
  type KernelFormatName,
  kernelFormats,
  matmulScratchBytes,
  paddedRowCount,
} from '../kernels/formats.ts';
import type { Kernels } from '../kernels/kernels.ts';
import type { Allocator } from '../threads/scratch.ts';
import type { PlacedSection } from '../weights/placed-tile.ts';

/** The input of matrix products, float32 [tokens, columns], and the quantised forms of it that matrices ask for. */
export class Activations {
  readonly pointer: number;
  readonly #kernels: Kernels;
  readonly #scratch: number;
  readonly #streams: Readonly<Record<'q8' | 'q8k', number>>;

  /**
   * @param memory of the input and its forms: threads may share them
   * @param own memory of this thread alone
   * @param maxColumns columns of the widest input that is ever put here
   */
  constructor(kernels: Kernels, memory: Allocator, own: Allocator, maxTokens: number, maxColumns: number) {
    this.#kernels = kernels;
    this.pointer = memory.alloc(maxTokens * maxColumns * 4);
    this.#scratch = own.alloc(matmulScratchBytes(maxColumns));
    // A narrow input is padded to whole blocks: a format that needs more columns is never asked for.
    const wide = (block: number) => Math.ceil(maxColumns / block) * block;
    this.#streams = {
      q8: memory.alloc(maxTokens * activationBytes('q8', wide(32))),
      q8k: memory.alloc(maxTokens * activationBytes('q8k', wide(256))),
    };
  }

  /** Makes the forms that these matrices multiply, for tokens [first, end) whose values are in place. */
  prepare(matrices: readonly PlacedSection[], first: number, end: number): void {
    this.#prepare('q8', matrices, first, end);
    this.#prepare('q8k', matrices, first, end);
  }

  #prepare(format: 'q8' | 'q8k', matrices: readonly PlacedSection[], first: number, end: number): void {
    for (const matrix of matrices) {
      if (activationOf(matrix) !== format) continue;
      const from = this.pointer + first * matrix.columns * 4;
      const to = this.#streams[format] + first * activationBytes(format, matrix.columns);
      quantizeActivations(this.#kernels, format, from, to, matrix.columns, end - first);
      return;
    }
  }

  /** `multiply` by a matrix, for who is to call it token by token. */
  product(matrix: PlacedSection): (first: number, count: number, y: number, yStride: number) => void {
    return (first, count, y, yStride) => this.multiply(matrix, first, count, y, yStride);
  }

  /** Where a token's values are, in the form that a matrix wants. */
  address(matrix: PlacedSection, token: number): number {
    const activation = activationOf(matrix);
    const input = activation === 'f32' ? this.pointer : this.#streams[activation];
    return input + token * activationBytes(activation, matrix.columns);
  }

  /**
   * y[t × yStride + row] = matrix · input[first + t], for t in [0, count) and all rows.
   * @param y float32, written to the padded rows
   * @param yStride elements from one token's outputs to the next's, at least the padded rows
   */
  multiply(matrix: PlacedSection, first: number, count: number, y: number, yStride: number): void {
    const format = kernelFormats[matrix.format as KernelFormatName];
    const x = this.address(matrix, first);
    const rows = paddedRowCount(matrix.rows);
    format.matmul(this.#kernels, matrix.pointer, x, y, rows, matrix.columns, count, yStride, this.#scratch);
  }
}

function activationOf(matrix: PlacedSection): ActivationFormat {
  return kernelFormats[matrix.format as KernelFormatName].activation;
}
