import { activationBytes, quantizeActivations } from '../kernels/activations.ts';
import type { Arena } from '../kernels/arena.ts';
import { type KernelFormatName, kernelFormats, paddedRowCount } from '../kernels/formats.ts';
import type { Kernels } from '../kernels/kernels.ts';
import type { PlacedSection } from '../weights/tile-store.ts';

/**
 * The input of matrix products, float32 [tokens, columns], and its quantised forms. Each form is made once, when
 * the first matrix asks for it: a layer's tiles share their input.
 */
export class Activations {
  readonly pointer: number;
  readonly #kernels: Kernels;
  readonly #streams: Readonly<Record<'q8' | 'q8k', number>>;
  readonly #made = new Set<string>();
  #columns = 0;
  #tokens = 0;

  /** @param maxColumns columns of the widest input that is ever put here */
  constructor(kernels: Kernels, arena: Arena, maxTokens: number, maxColumns: number) {
    this.#kernels = kernels;
    this.pointer = arena.alloc(maxTokens * maxColumns * 4);
    // A narrow input is padded to whole blocks: a format that needs more columns is never asked for.
    const wide = (block: number) => Math.ceil(maxColumns / block) * block;
    this.#streams = {
      q8: arena.alloc(maxTokens * activationBytes('q8', wide(32))),
      q8k: arena.alloc(maxTokens * activationBytes('q8k', wide(256))),
    };
  }

  /** Says that new values, [tokens, columns], are in place. */
  replaced(tokens: number, columns: number): void {
    this.#made.clear();
    this.#tokens = tokens;
    this.#columns = columns;
  }

  /**
   * y[token × yStride + row] = matrix · input[token], for all tokens and rows.
   * @param y float32, written to the padded rows
   * @param yStride elements from one token's outputs to the next's, at least the padded rows
   */
  multiply(matrix: PlacedSection, y: number, yStride: number): void {
    const format = kernelFormats[matrix.format as KernelFormatName];
    const x = format.activation === 'f32' ? this.pointer : this.#stream(format.activation);
    const rows = paddedRowCount(matrix.rows);
    format.matmul(this.#kernels, matrix.pointer, x, y, rows, matrix.columns, this.#tokens, yStride);
  }

  #stream(format: 'q8' | 'q8k'): number {
    const stream = this.#streams[format];
    if (!this.#made.has(format)) {
      quantizeActivations(this.#kernels, format, this.pointer, stream, this.#columns, this.#tokens);
      this.#made.add(format);
    }
    return stream;
  }
}
