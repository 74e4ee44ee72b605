import { readF16 } from './float16.ts';
import { defineFormat } from './format.ts';
import { roundTo } from './rounding.ts';
import { fitScaleAndMin, writeUnit } from './scale-search.ts';
import { readMin, readScale, writeScalesAndMins } from './scales-6bit.ts';

const BLOCK_SIZE = 256;
const BLOCK_BYTES = 176;
const GROUPS = 8;
const GROUP_SIZE = 32;
const SCALE_UNIT = 0;
const MIN_UNIT = 2;
const SCALES = 4;
const FIFTH_BITS = 16;
const QUANTS = 48;

/**
 * 5 bits over a range, 8 groups of 32: Q4_K with 32 more bytes before the quants, in which bit g of byte i is the
 * fifth bit of element i of group g. ggml-common.h, block_q5_K.
 */
export const q5_k = defineFormat({
  name: 'Q5_K',
  ggmlType: 13,
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
          const fifth = (source[at + FIFTH_BITS + i]! >> group) & 1;
          const quant = ((source[quants + i]! >> shift) & 15) | (fifth << 4);
          target[to++] = Math.fround(scale * quant) - min;
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
        const fit = fitScaleAndMin(source, from + group * GROUP_SIZE, GROUP_SIZE, 31);
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
          const quant = roundTo((source[from++]! + min) / scale, 0, 31);
          target[quants + i]! |= (quant & 15) << ((group & 1) * 4);
          target[at + FIFTH_BITS + i]! |= (quant >> 4) << group;
        }
      }
    }
  },
});
