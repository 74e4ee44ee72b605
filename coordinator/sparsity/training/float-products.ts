import { Arena } from '../../../runtime/kernels/arena.ts';
import { kernelFormats, matmulScratchBytes, paddedRowCount } from '../../../runtime/kernels/formats.ts';
import type { Kernels } from '../../../runtime/kernels/kernels.ts';

/** Rows that stand beside each other in packed weights, column by column: `runtime/kernels/formats/floats.ts`. */
const groupRows = 8;

/** Products of float matrices by the kernels for weights in F32. */
export class FloatProducts {
  readonly #kernels: Kernels;
  readonly #arena: Arena;

  constructor(kernels: Kernels) {
    this.#kernels = kernels;
    this.#arena = new Arena(kernels.memory);
  }

  /**
   * @param a [rows, inner]
   * @param b [inner, columns], or [columns, inner] of which the transpose is meant
   * @param result where to put them, by default a new array
   * @returns a · b, [rows, columns]
   */
  multiply(
    a: Float32Array,
    b: Float32Array,
    inner: number,
    transposeB = false,
    result: Float32Array = new Float32Array((a.length / inner) * (b.length / inner)),
  ): Float32Array {
    const { F32 } = kernelFormats;
    const [rows, columns] = [a.length / inner, b.length / inner];
    const stride = paddedRowCount(columns);
    const mark = this.#arena.mark();
    const weights = this.#arena.alloc(stride * inner * 4);
    const x = this.#arena.alloc(a.byteLength);
    const y = this.#arena.alloc(rows * stride * 4);
    const scratch = this.#arena.alloc(matmulScratchBytes(inner));
    const packed = this.#arena.f32(weights, stride * inner);
    // Whatever else packs a matrix does it row by row from bytes, which takes longer than small products do.
    if (transposeB) packRows(b, columns, inner, packed);
    else packColumns(b, columns, inner, packed);
    this.#arena.f32(x, a.length).set(a);
    F32.matmul(this.#kernels, weights, x, y, stride, inner, rows, stride, scratch);
    const padded = this.#arena.f32(y, rows * stride);
    for (let row = 0; row < rows; row += 1)
      result.set(padded.subarray(row * stride, row * stride + columns), row * columns);
    this.#arena.release(mark);
    return result;
  }
}

/** @param matrix [columns, inner] */
function packRows(matrix: Float32Array, columns: number, inner: number, packed: Float32Array): void {
  for (let row = 0; row < columns; row += 1) {
    let at = (row - (row % groupRows)) * inner + (row % groupRows);
    for (let i = row * inner; i < (row + 1) * inner; i += 1) {
      packed[at] = matrix[i]!;
      at += groupRows;
    }
  }
}

/** @param matrix [inner, columns] */
function packColumns(matrix: Float32Array, columns: number, inner: number, packed: Float32Array): void {
  for (let first = 0; first < columns; first += groupRows) {
    const end = Math.min(first + groupRows, columns);
    for (let row = 0; row < inner; row += 1) {
      const at = first * inner + row * groupRows - first;
      for (let column = first; column < end; column += 1)
        packed[at + column] = matrix[row * columns + column]!;
    }
  }
}

/** @param matrix [rows, columns] */
export function transposed(matrix: Float32Array, columns: number): Float32Array {
  const rows = matrix.length / columns;
  const result = new Float32Array(matrix.length);
  for (let row = 0; row < rows; row += 1)
    for (let column = 0; column < columns; column += 1)
      result[column * rows + row] = matrix[row * columns + column]!;
  return result;
}
