import { readF16 } from './float16.ts';
import { defineFormat } from './format.ts';
import { roundTo } from './rounding.ts';
import { fitScale, writeUnit } from './scale-search.ts';

const BLOCK_SIZE = 256;
const BLOCK_BYTES = 110;
const GROUPS = 16;
const GROUP_SIZE = 16;
const HIGH_BITS = 0;
const LOW_BITS = 32;
const SCALES = 96;
const UNIT = 108;

/**
 * 3 bits, symmetric, 16 groups of 16: `x = unit * (scale - 32) * (q - 4)`. ggml-common.h, block_q3_K: 32 bytes of
 * high bits, 64 bytes of low bits (as in Q2_K), 12 bytes of 6-bit scales, f16 unit. The high bits of group g are
 * bit `g >> 1` of 16 bytes. Scale g has its low nibble in byte `g & 7` and its two high bits in byte `8 + (g & 3)`.
 */
export const q3_k = defineFormat({
  name: 'Q3_K',
  ggmlType: 11,
  blockSize: BLOCK_SIZE,
  blockBytes: BLOCK_BYTES,
  decode(source, target) {
    let to = 0;
    for (let at = 0; at < source.length; at += BLOCK_BYTES) {
      const unit = readF16(source, at + UNIT);
      for (let group = 0; group < GROUPS; group++) {
        const scale = Math.fround(unit * scaleLevel(source, at + SCALES, group));
        const low = at + lowBitsOfGroup(group);
        const high = at + highBitsOfGroup(group);
        const lowShift = group & 6;
        const highShift = group >> 1;
        for (let i = 0; i < GROUP_SIZE; i++) {
          const quant = ((source[low + i]! >> lowShift) & 3) | (((source[high + i]! >> highShift) & 1) << 2);
          target[to++] = scale * (quant - 4);
        }
      }
    }
  },
  encode(source, target) {
    const scales = new Float32Array(GROUPS);
    const levels = new Int8Array(GROUPS);
    target.fill(0);
    let from = 0;
    for (let at = 0; at < target.length; at += BLOCK_BYTES) {
      for (let group = 0; group < GROUPS; group++) {
        scales[group] = fitScale(source, from + group * GROUP_SIZE, GROUP_SIZE, -4, 0.1, nearestLevel);
      }
      const unit = writeUnit(target, at + UNIT, scales, -32, 31, levels);
      for (let group = 0; group < GROUPS; group++) {
        writeScaleLevel(target, at + SCALES, group, levels[group]!);
        const scale = unit * levels[group]!;
        const low = at + lowBitsOfGroup(group);
        const high = at + highBitsOfGroup(group);
        for (let i = 0; i < GROUP_SIZE; i++) {
          const quant = nearestLevel(source[from++]! / scale) + 4;
          target[low + i]! |= (quant & 3) << (group & 6);
          target[high + i]! |= (quant >> 2) << (group >> 1);
        }
      }
    }
  },
});

const nearestLevel = (ratio: number): number => roundTo(ratio, -4, 3);

const lowBitsOfGroup = (group: number): number => LOW_BITS + (group >> 3) * 32 + (group & 1) * 16;

const highBitsOfGroup = (group: number): number => HIGH_BITS + (group & 1) * 16;

/** @returns -32..31 */
function scaleLevel(bytes: Uint8Array, scales: number, group: number): number {
  const low = (bytes[scales + (group & 7)]! >> (group < 8 ? 0 : 4)) & 15;
  const high = (bytes[scales + 8 + (group & 3)]! >> (2 * (group >> 2))) & 3;
  return (low | (high << 4)) - 32;
}

/** Expects zeros where the level goes. */
function writeScaleLevel(bytes: Uint8Array, scales: number, group: number, level: number): void {
  const stored = level + 32;
  bytes[scales + (group & 7)]! |= (stored & 15) << (group < 8 ? 0 : 4);
  bytes[scales + 8 + (group & 3)]! |= (stored >> 4) << (2 * (group >> 2));
}
