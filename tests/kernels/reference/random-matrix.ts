import type { KernelFormatName } from '../../../runtime/kernels/formats.ts';
import { seededFloats, seededRandom } from '../support.ts';
import { blockShape } from './dequantize.ts';
import { numberToHalf } from './half.ts';

/** Where a block's half-precision scales stand. */
const scaleOffsets: Record<KernelFormatName, readonly number[]> = {
  F32: [],
  F16: [0],
  Q8_0: [0],
  Q4_0: [0],
  Q4_K: [0, 2],
  Q6_K: [208],
};

/** A matrix in GGUF's layout with every quant, sub-scale and sign at random, scales about `scale`. */
export function randomMatrix(
  format: KernelFormatName,
  rows: number,
  columns: number,
  seed: number,
  scale = 0.01,
): Uint8Array {
  const shape = blockShape(format);
  if (format === 'F32') return new Uint8Array(seededFloats(seed, rows * columns, scale).buffer);
  const random = seededRandom(seed);
  const source = new Uint8Array(((rows * columns) / shape.columns) * shape.bytes).map(() => random() * 256);
  const view = new DataView(source.buffer);
  for (let at = 0; at < source.length; at += shape.bytes) {
    for (const offset of scaleOffsets[format]) {
      view.setUint16(at + offset, numberToHalf((random() + 0.5) * scale * (random() < 0.5 ? -1 : 1)), true);
    }
  }
  return source;
}
