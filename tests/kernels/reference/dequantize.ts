import type { KernelFormatName } from '../../../runtime/kernels/formats.ts';
import { halfToNumber } from './half.ts';

type Dequantize = (block: DataView) => number[];

const half = (block: DataView, at: number): number => halfToNumber(block.getUint16(at, true));
const range = (length: number): number[] => Array.from({ length }, (_, i) => i);

/** Column k of 32, two columns 16 apart in each byte. */
const nibble = (block: DataView, at: number, k: number): number => {
  const byte = block.getUint8(at + (k % 16));
  return k < 16 ? byte & 15 : byte >> 4;
};

/** Bit i of the bytes from `at` on. */
const bit = (block: DataView, at: number, i: number): number =>
  (block.getUint8(at + (i >> 3)) >> (i & 7)) & 1;

const levels = [-127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113];

/** Scale and minimum of a Q4_K or Q5_K sub-block, 6 bits each in 12 bytes (ggml's get_scale_min_k4). */
function scaleAndMinimum(block: DataView, s: number): [number, number] {
  const byte = (i: number): number => block.getUint8(4 + i);
  if (s < 4) return [byte(s) & 63, byte(s + 4) & 63];
  return [(byte(s + 4) & 15) | ((byte(s - 4) >> 6) << 4), (byte(s + 4) >> 4) | ((byte(s) >> 6) << 4)];
}

/** One block of each GGUF format to numbers, written from the format's description (ggml-quants.c). */
const blocks: Record<KernelFormatName, { bytes: number; columns: number; dequantize: Dequantize }> = {
  F32: { bytes: 4, columns: 1, dequantize: (block) => [block.getFloat32(0, true)] },
  F16: { bytes: 2, columns: 1, dequantize: (block) => [half(block, 0)] },
  BF16: {
    bytes: 2,
    columns: 1,
    dequantize: (block) => {
      const float = new DataView(new ArrayBuffer(4));
      float.setUint16(2, block.getUint16(0, true), true);
      return [float.getFloat32(0, true)];
    },
  },
  Q8_0: {
    bytes: 34,
    columns: 32,
    dequantize: (block) => range(32).map((k) => half(block, 0) * block.getInt8(2 + k)),
  },
  Q4_0: {
    bytes: 18,
    columns: 32,
    dequantize: (block) => range(32).map((k) => half(block, 0) * (nibble(block, 2, k) - 8)),
  },
  Q4_1: {
    bytes: 20,
    columns: 32,
    dequantize: (block) => range(32).map((k) => half(block, 0) * nibble(block, 4, k) + half(block, 2)),
  },
  Q5_0: {
    bytes: 22,
    columns: 32,
    dequantize: (block) =>
      range(32).map((k) => half(block, 0) * (nibble(block, 6, k) + 16 * bit(block, 2, k) - 16)),
  },
  Q5_1: {
    bytes: 24,
    columns: 32,
    dequantize: (block) =>
      range(32).map((k) => half(block, 0) * (nibble(block, 8, k) + 16 * bit(block, 4, k)) + half(block, 2)),
  },
  Q2_K: {
    bytes: 84,
    columns: 256,
    dequantize: (block) =>
      range(256).map((k) => {
        const both = block.getUint8(k >> 4);
        const quant = (block.getUint8(16 + (k >> 7) * 32 + (k & 31)) >> (2 * ((k >> 5) & 3))) & 3;
        return half(block, 80) * (both & 15) * quant - half(block, 82) * (both >> 4);
      }),
  },
  Q3_K: {
    bytes: 110,
    columns: 256,
    dequantize: (block) =>
      range(256).map((k) => {
        const group = k >> 4;
        const low = (block.getUint8(96 + (group % 8)) >> (group < 8 ? 0 : 4)) & 15;
        const high = (block.getUint8(104 + (group % 4)) >> (2 * (group >> 2))) & 3;
        const quant = (block.getUint8(32 + (k >> 7) * 32 + (k & 31)) >> (2 * ((k >> 5) & 3))) & 3;
        const third = bit(block, k & 31, k >> 5);
        return half(block, 108) * (low + 16 * high - 32) * (quant + 4 * third - 4);
      }),
  },
  IQ4_NL: {
    bytes: 18,
    columns: 32,
    dequantize: (block) => range(32).map((k) => half(block, 0) * levels[nibble(block, 2, k)]!),
  },
  IQ4_XS: {
    bytes: 136,
    columns: 256,
    dequantize: (block) =>
      range(256).map((k) => {
        const group = k >> 5;
        const low = (block.getUint8(4 + (group >> 1)) >> (4 * (group & 1))) & 15;
        const high = (block.getUint16(2, true) >> (2 * group)) & 3;
        return half(block, 0) * (low + 16 * high - 32) * levels[nibble(block, 8 + 16 * group, k & 31)]!;
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
  Q5_K: {
    bytes: 176,
    columns: 256,
    dequantize: (block) =>
      range(256).map((k) => {
        const [scale, minimum] = scaleAndMinimum(block, k >> 5);
        const byte = block.getUint8(48 + (k >> 6) * 32 + (k & 31));
        const quant = (k & 32 ? byte >> 4 : byte & 15) + 16 * bit(block, 16 + (k & 31), k >> 5);
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
