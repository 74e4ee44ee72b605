import type { KernelFormatName } from '../../../runtime/kernels/formats.ts';
import { halfToNumber } from './half.ts';

type Dequantize = (block: DataView) => number[];

const half = (block: DataView, at: number): number => halfToNumber(block.getUint16(at, true));
const range = (length: number): number[] => Array.from({ length }, (_, i) => i);

/** Scale and minimum of a Q4_K sub-block, 6 bits each in 12 bytes (ggml's get_scale_min_k4). */
function scaleAndMinimum(block: DataView, s: number): [number, number] {
  const byte = (i: number): number => block.getUint8(4 + i);
  if (s < 4) return [byte(s) & 63, byte(s + 4) & 63];
  return [(byte(s + 4) & 15) | ((byte(s - 4) >> 6) << 4), (byte(s + 4) >> 4) | ((byte(s) >> 6) << 4)];
}

/** One block of each GGUF format to numbers, written from the format's description (ggml-quants.c). */
const blocks: Record<KernelFormatName, { bytes: number; columns: number; dequantize: Dequantize }> = {
  F32: { bytes: 4, columns: 1, dequantize: (block) => [block.getFloat32(0, true)] },
  F16: { bytes: 2, columns: 1, dequantize: (block) => [half(block, 0)] },
  Q8_0: {
    bytes: 34,
    columns: 32,
    dequantize: (block) => range(32).map((k) => half(block, 0) * block.getInt8(2 + k)),
  },
  Q4_0: {
    bytes: 18,
    columns: 32,
    dequantize: (block) =>
      range(32).map((k) => {
        const byte = block.getUint8(2 + (k % 16));
        return half(block, 0) * ((k < 16 ? byte & 15 : byte >> 4) - 8);
      }),
  },
  Q4_K: {
    bytes: 144,
    columns: 256,
    dequantize: (block) =>
      range(256).map((k) => {
        const [scale, minimum] = scaleAndMinimum(block, k >> 5);
        const byte = block.getUint8(16 + (k >> 6) * 32 + (k & 31));
        const quant = k & 32 ? byte >> 4 : byte & 15;
        return half(block, 0) * scale * quant - half(block, 2) * minimum;
      }),
  },
  Q6_K: {
    bytes: 210,
    columns: 256,
    dequantize: (block) =>
      range(256).map((k) => {
        const within = k & 127;
        const low = block.getUint8((k >> 7) * 64 + (within & 63));
        const top = block.getUint8(128 + (k >> 7) * 32 + (within & 31));
        const quant = (within < 64 ? low & 15 : low >> 4) | (((top >> (2 * (within >> 5))) & 3) << 4);
        return half(block, 208) * block.getInt8(192 + (k >> 4)) * (quant - 32);
      }),
  },
};

export function blockShape(format: KernelFormatName): { bytes: number; columns: number } {
  return blocks[format];
}

/** A matrix in GGUF's layout as numbers [rows × columns]. */
export function dequantize(format: KernelFormatName, source: Uint8Array): Float64Array {
  const { bytes, dequantize: one } = blocks[format];
  const values: number[] = [];
  for (let at = 0; at < source.length; at += bytes) {
    values.push(...one(new DataView(source.buffer, source.byteOffset + at, bytes)));
  }
  return Float64Array.from(values);
}
