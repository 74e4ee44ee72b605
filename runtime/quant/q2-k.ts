import { readF16 } from './float16.ts';
import { defineFormat } from './format.ts';
import { roundTo } from './rounding.ts';
import { fitScaleAndMin, writeUnit } from './scale-search.ts';

const BLOCK_SIZE = 256;
const BLOCK_BYTES = 84;
const GROUPS = 16;
const GROUP_SIZE = 16;
const QUANTS = 16;
const SCALE_UNIT = 80;
const MIN_UNIT = 82;

/**
 * 2 bits over a range, 16 groups of 16: `x = scaleUnit * scale * q - minUnit * min`. ggml-common.h, block_q2_K:
 * 16 bytes with a group's scale in the low nibble and its min in the high one, 64 bytes of quants, two f16 units.
 * Group g has its quants at bit `2 * (g >> 1 & 3)` of 16 bytes.
 */
export const q2_k = defineFormat({
  name: 'Q2_K',
  ggmlType: 10,
  blockSize: BLOCK_SIZE,
  blockBytes: BLOCK_BYTES,
  decode(source, target) {
    let to = 0;
    for (let at = 0; at < source.length; at += BLOCK_BYTES) {
      const scaleUnit = readF16(source, at + SCALE_UNIT);
      const minUnit = readF16(source, at + MIN_UNIT);
      for (let group = 0; group < GROUPS; group++) {
        const scale = Math.fround(scaleUnit * (source[at + group]! & 15));
        const min = Math.fround(minUnit * (source[at + group]! >> 4));
        const quants = at + quantsOfGroup(group);
        const shift = group & 6;
        for (let i = 0; i < GROUP_SIZE; i++) {
          target[to++] = Math.fround(scale * ((source[quants + i]! >> shift) & 3)) - min;
        }
      }
    }
  },
  encode(source, target) {
    const scales = new Float32Array(GROUPS);
    const mins = new Float32Array(GROUPS);
    const scaleLevels = new Uint8Array(GROUPS);
    const minLevels = new Uint8Array(GROUPS);
    target.fill(0);
    let from = 0;
    for (let at = 0; at < target.length; at += BLOCK_BYTES) {
      for (let group = 0; group < GROUPS; group++) {
        const fit = fitScaleAndMin(source, from + group * GROUP_SIZE, GROUP_SIZE, 3);
        scales[group] = fit.scale;
        mins[group] = fit.min;
      }
      const scaleUnit = writeUnit(target, at + SCALE_UNIT, scales, 0, 15, scaleLevels);
      const minUnit = writeUnit(target, at + MIN_UNIT, mins, 0, 15, minLevels);
      for (let group = 0; group < GROUPS; group++) {
        target[at + group] = scaleLevels[group]! | (minLevels[group]! << 4);
        const scale = scaleUnit * scaleLevels[group]!;
        const min = minUnit * minLevels[group]!;
        const quants = at + quantsOfGroup(group);
        const shift = group & 6;
        for (let i = 0; i < GROUP_SIZE; i++) {
          target[quants + i]! |= roundTo((source[from++]! + min) / scale, 0, 3) << shift;
        }
      }
    }
  },
});

/** Byte in the block where a group's 16 quants start: 32 bytes serve each half of the block. */
const quantsOfGroup = (group: number): number => QUANTS + (group >> 3) * 32 + (group & 1) * 16;
