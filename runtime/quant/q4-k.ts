import { readF16 } from './float16.ts';
import { defineFormat } from './format.ts';
import { roundTo } from './rounding.ts';
import { fitScaleAndMin, writeUnit } from './scale-search.ts';
import { readMin, readScale, writeScalesAndMins } from './scales-6bit.ts';

const BLOCK_SIZE = 256;
const BLOCK_BYTES = 144;
const GROUPS = 8;
const GROUP_SIZE = 32;
const SCALE_UNIT = 0;
const MIN_UNIT = 2;
const SCALES = 4;
const QUANTS = 16;

/**
 * 4 bits over a range, 8 groups of 32: `x = scaleUnit * scale * q - minUnit * min`. ggml-common.h, block_q4_K: two
 * f16 units, 12 bytes of 6-bit scales and mins, then 32 bytes for every two groups: the even group in the low
 * nibbles, the odd one in the high.
 */
export const q4_k = defineFormat({
  name: 'Q4_K',
  ggmlType: 12,
  blockSize: BLOCK_SIZE,
  blockBytes: BLOCK_BYTES,
  decode(source, target) {
    let to = 0;
    for (let at = 0; at < source.length; at += BLOCK_BYTES) {
      const scaleUnit = readF16(source, at + SCALE_UNIT);
      const minUnit = readF16(source, at + MIN_UNIT);
      for (let group = 0; group < GROUPS; group++) {
        const scale = Math.fround(scaleUnit * readScale(source, at + SCALES, group));
        const min = Math.fround(minUnit * readMin(source, at + SCALES, group));
        const quants = at + QUANTS + (group >> 1) * 32;
        const shift = (group & 1) * 4;
        for (let i = 0; i < GROUP_SIZE; i++) {
          target[to++] = Math.fround(scale * ((source[quants + i]! >> shift) & 15)) - min;
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
        const fit = fitScaleAndMin(source, from + group * GROUP_SIZE, GROUP_SIZE, 15);
        scales[group] = fit.scale;
        mins[group] = fit.min;
      }
      const scaleUnit = writeUnit(target, at + SCALE_UNIT, scales, 0, 63, scaleLevels);
      const minUnit = writeUnit(target, at + MIN_UNIT, mins, 0, 63, minLevels);
      writeScalesAndMins(target, at + SCALES, scaleLevels, minLevels);
      for (let group = 0; group < GROUPS; group++) {
        const scale = scaleUnit * scaleLevels[group]!;
        const min = minUnit * minLevels[group]!;
        const quants = at + QUANTS + (group >> 1) * 32;
        for (let i = 0; i < GROUP_SIZE; i++) {
          target[quants + i]! |= roundTo((source[from++]! + min) / scale, 0, 15) << ((group & 1) * 4);
        }
      }
    }
  },
});
