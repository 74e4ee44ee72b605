import { assert } from '../error.ts';
import type { Kernels } from './kernels.ts';

/** How a matrix kernel wants its inputs: plain floats, int8 with a scale per 32 columns, or per 256. */
export type ActivationFormat = 'f32' | 'q8' | 'q8k';

interface ActivationBlock {
  readonly columns: number;
  readonly bytes: number;
}

/** Layouts: `assembly/quantize.ts`. */
const blocks: Record<ActivationFormat, ActivationBlock> = {
  f32: { columns: 1, bytes: 4 },
  q8: { columns: 32, bytes: 64 },
  q8k: { columns: 256, bytes: 352 },
};

/** Bytes of one token's activations. */
export function activationBytes(format: ActivationFormat, columns: number): number {
  const block = blocks[format];
  assert(columns > 0 && columns % block.columns === 0, 'columns are whole blocks', columns, format);
  return (columns / block.columns) * block.bytes;
}

/** x: f32 [count, columns] → out: `count` times `activationBytes(format, columns)`. */
export function quantizeActivations(
  kernels: Kernels,
  format: 'q8' | 'q8k',
  x: number,
  out: number,
  columns: number,
  count: number,
): void {
  assert(columns > 0 && columns % blocks[format].columns === 0, 'columns are whole blocks', columns, format);
  assert(count >= 0 && x % 4 === 0 && out % 16 === 0, 'aligned buffers');
  if (format === 'q8') kernels.quantizeQ8(x, out, columns, count);
  else kernels.quantizeQ8K(x, out, columns, count);
}
