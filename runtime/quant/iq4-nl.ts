import { readF16, writeF16 } from './float16.ts';
import { defineFormat } from './format.ts';
import { IQ4_LEVELS, nearestIq4Index, nearestIq4Level } from './iq4-levels.ts';
import { reciprocal } from './rounding.ts';
import { fitScale } from './scale-search.ts';

const BLOCK_SIZE = 32;
const BLOCK_BYTES = 18;
const QUANTS = 2;

/**
 * 4 bits with uneven levels: `x = scale * IQ4_LEVELS[q]`. ggml-common.h, block_iq4_nl: laid out as Q4_0.
 */
export const iq4_nl = defineFormat({
  name: 'IQ4_NL',
  ggmlType: 20,
  blockSize: BLOCK_SIZE,
  blockBytes: BLOCK_BYTES,
  decode(source, target) {
    for (let at = 0, to = 0; at < source.length; at += BLOCK_BYTES, to += BLOCK_SIZE) {
      const scale = readF16(source, at);
      for (let i = 0; i < 16; i++) {
        const pair = source[at + QUANTS + i]!;
        target[to + i] = scale * IQ4_LEVELS[pair & 15]!;
        target[to + 16 + i] = scale * IQ4_LEVELS[pair >> 4]!;
      }
    }
  },
  encode(source, target) {
    for (let from = 0, at = 0; from < source.length; from += BLOCK_SIZE, at += BLOCK_BYTES) {
      const scale = writeF16(target, at, fitScale(source, from, BLOCK_SIZE, -127, 1, nearestIq4Level));
      const inverse = reciprocal(scale);
      for (let i = 0; i < 16; i++) {
        const low = nearestIq4Index(source[from + i]! * inverse);
        const high = nearestIq4Index(source[from + 16 + i]! * inverse);
        target[at + QUANTS + i] = low | (high << 4);
      }
    }
  },
});
