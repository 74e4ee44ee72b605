import type { KernelFormatName } from '../../../runtime/kernels/formats.ts';
import { seededFloats, seededRandom } from '../support.ts';
import { blockShape } from './dequantize.ts';
import { numberToHalf } from './half.ts';

/** Where a block's half-precision scales stand. */
export const scaleOffsets: Record<KernelFormatName, readonly number[]> = {
  F32: [],
  F16: [0],
  BF16: [],
  Q8_0: [0],
  Q4_0: [0],
  Q4_1: [0, 2],
  Q5_0: [0],
  Q5_1: [0, 2],
  Q2_K: [80, 82],
  Q3_K: [108],
  Q4_K: [0, 2],
  Q5_K: [0, 2],
  Q6_K: [208],
  IQ4_NL: [0],
  IQ4_XS: [0],
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
  if (scaleOffsets[format].length === 0) {
    const floats = new Uint8Array(seededFloats(seed, rows * columns, scale).buffer);
    return format === 'F32' ? floats : floats.filter((_, i) => (i & 2) === 2);
  }
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
