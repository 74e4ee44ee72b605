import type { GgufFile, GgufTensor } from '../../runtime/gguf/gguf.ts';
import type { QuantTypeName } from '../../runtime/quant/format.ts';
import { quantFormatNamed } from '../../runtime/quant/registry.ts';
import { encode, type RowEncoder } from '../quantize/quantize.ts';

/** Rows that are turned and encoded at once. */
const rowsEach = 256;

/**
 * The columns of a matrix as rows, in the given order and type. The matrix is in memory as floats meanwhile; a layer's
 * down of a model that fits a home has at most some hundred megabytes.
 */
export async function* transposedRows(
  gguf: GgufFile,
  tensor: GgufTensor,
  order: readonly number[],
  type: QuantTypeName,
  encoder: RowEncoder,
): AsyncGenerator<Uint8Array> {
  const [rows, columns] = tensor.shape as [number, number];
  const values = new Float32Array(rows * columns);
  quantFormatNamed(tensor.type).decode(await gguf.readTensor(tensor.name), values);
  for (let first = 0; first < order.length; first += rowsEach) {
    const chosen = order.slice(first, first + rowsEach);
    const turned = new Float32Array(chosen.length * rows);
    for (let row = 0; row < rows; row += 1)
      chosen.forEach((column, i) => {
        turned[i * rows + row] = values[row * columns + column]!;
      });
    const bytes = new Uint8Array(turned.buffer);
    yield await encode(encoder, tensor.name, { from: 'F32', to: type, bytes });
  }
}
