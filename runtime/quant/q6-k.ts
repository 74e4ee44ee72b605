import { readF16 } from './float16.ts';
import { defineFormat } from './format.ts';
import { roundTo } from './rounding.ts';
import { fitScale, writeUnit } from './scale-search.ts';

const BLOCK_SIZE = 256;
const BLOCK_BYTES = 210;
const GROUPS = 16;
const GROUP_SIZE = 16;
const LOW_BITS = 0;
const HIGH_BITS = 128;
const SCALES = 192;
const UNIT = 208;

/**
 * 6 bits, symmetric, 16 groups of 16: `x = unit * scale * (q - 32)`. ggml-common.h, block_q6_K: 128 bytes of low
 * nibbles, 64 bytes of high bit pairs, 16 signed bytes of scales, f16 unit. Of a half block's four runs of 32
 * elements, runs 0 and 1 fill the low nibbles of 64 bytes and runs 2 and 3 the high ones; run r has its high pairs
 * at bit 2r of 32 bytes.
 */
export const q6_k = defineFormat({
  name: 'Q6_K',
  ggmlType: 14,
  blockSize: BLOCK_SIZE,
  blockBytes: BLOCK_BYTES,
  decode(source, target) {
    const signed = new Int8Array(source.buffer, source.byteOffset, source.length);
    let to = 0;
    for (let at = 0; at < source.length; at += BLOCK_BYTES) {
      const unit = readF16(source, at + UNIT);
      for (let group = 0; group < GROUPS; group++) {
        const scale = Math.fround(unit * signed[at + SCALES + group]!);
        const low = at + lowBitsOfGroup(group);
        const high = at + highBitsOfGroup(group);
        const lowShift = group & 4;
        const highShift = group & 6;
        for (let i = 0; i < GROUP_SIZE; i++) {
          const quant = ((source[low + i]! >> lowShift) & 15) | (((source[high + i]! >> highShift) & 3) << 4);
          target[to++] = scale * (quant - 32);
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
        scales[group] = fitScale(source, from + group * GROUP_SIZE, GROUP_SIZE, -32, 0.1, nearestLevel);
      }
      const unit = writeUnit(target, at + UNIT, scales, -128, 127, levels);
      for (let group = 0; group < GROUPS; group++) {
        target[at + SCALES + group] = levels[group]!;
        const scale = unit * levels[group]!;
        const low = at + lowBitsOfGroup(group);
        const high = at + highBitsOfGroup(group);
        for (let i = 0; i < GROUP_SIZE; i++) {
          const quant = nearestLevel(source[from++]! / scale) + 32;
          target[low + i]! |= (quant & 15) << (group & 4);
          target[high + i]! |= (quant >> 4) << (group & 6);
        }
      }
    }
  },
});

const nearestLevel = (ratio: number): number => roundTo(ratio, -32, 31);

const lowBitsOfGroup = (group: number): number => LOW_BITS + (group >> 3) * 64 + (group & 3) * 16;

const highBitsOfGroup = (group: number): number => HIGH_BITS + (group >> 3) * 32 + (group & 1) * 16;
