import { readF16 } from './float16.ts';
import { defineFormat } from './format.ts';
import { IQ4_LEVELS, nearestIq4Index, nearestIq4Level } from './iq4-levels.ts';
import { reciprocal } from './rounding.ts';
import { fitScale, writeUnit } from './scale-search.ts';

const BLOCK_SIZE = 256;
const BLOCK_BYTES = 136;
const GROUPS = 8;
const GROUP_SIZE = 32;
const UNIT = 0;
const HIGH_SCALES = 2;
const LOW_SCALES = 4;
const QUANTS = 8;

/**
 * 4 bits with uneven levels, 8 groups of 32: `x = unit * (scale - 32) * IQ4_LEVELS[q]`. ggml-common.h,
 * block_iq4_xs: f16 unit, 2 bytes with the two high bits of each 6-bit scale, 4 bytes with the low nibbles, then
 * 16 bytes a group, ordered as in Q4_0.
 */
export const iq4_xs = defineFormat({
  name: 'IQ4_XS',
  ggmlType: 23,
  blockSize: BLOCK_SIZE,
  blockBytes: BLOCK_BYTES,
  decode(source, target) {
    for (let at = 0, to = 0; at < source.length; at += BLOCK_BYTES) {
      const unit = readF16(source, at + UNIT);
      for (let group = 0; group < GROUPS; group++, to += GROUP_SIZE) {
        const scale = Math.fround(unit * scaleLevel(source, at, group));
        const quants = at + QUANTS + group * 16;
        for (let i = 0; i < 16; i++) {
          const pair = source[quants + i]!;
          target[to + i] = scale * IQ4_LEVELS[pair & 15]!;
          target[to + 16 + i] = scale * IQ4_LEVELS[pair >> 4]!;
        }
      }
    }
  },
  encode(source, target) {
    const scales = new Float32Array(GROUPS);
    const levels = new Int8Array(GROUPS);
    target.fill(0);
    for (let at = 0, from = 0; at < target.length; at += BLOCK_BYTES) {
      for (let group = 0; group < GROUPS; group++) {
        scales[group] = fitScale(source, from + group * GROUP_SIZE, GROUP_SIZE, -127, 1, nearestIq4Level);
      }
      const unit = writeUnit(target, at + UNIT, scales, -32, 31, levels);
      for (let group = 0; group < GROUPS; group++, from += GROUP_SIZE) {
        writeScaleLevel(target, at, group, levels[group]!);
        const inverse = reciprocal(unit * levels[group]!);
        const quants = at + QUANTS + group * 16;
        for (let i = 0; i < GROUP_SIZE; i++) {
          const index = nearestIq4Index(source[from + i]! * inverse);
          target[quants + (i & 15)]! |= index << (i < 16 ? 0 : 4);
        }
      }
    }
  },
});

/** @returns -32..31 */
function scaleLevel(bytes: Uint8Array, block: number, group: number): number {
  const low = (bytes[block + LOW_SCALES + (group >> 1)]! >> ((group & 1) * 4)) & 15;
  const high = (bytes[block + HIGH_SCALES + (group >> 2)]! >> ((group & 3) * 2)) & 3;
  return (low | (high << 4)) - 32;
}

/** Expects zeros where the level goes. */
function writeScaleLevel(bytes: Uint8Array, block: number, group: number, level: number): void {
  const stored = level + 32;
  bytes[block + LOW_SCALES + (group >> 1)]! |= (stored & 15) << ((group & 1) * 4);
  bytes[block + HIGH_SCALES + (group >> 2)]! |= (stored >> 4) << ((group & 3) * 2);
}
