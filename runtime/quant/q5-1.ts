import { readF16, writeF16 } from './float16.ts';
import { defineFormat } from './format.ts';
import { quantOf, rangeOf, reciprocal } from './rounding.ts';

const BLOCK_SIZE = 32;
const BLOCK_BYTES = 24;
const MIN = 2;
const FIFTH_BITS = 4;
const QUANTS = 8;

/**
 * 5 bits over a range: `x = scale * q + min`. ggml-common.h, block_q5_1: f16 scale, f16 min, then fifth bits and
 * nibbles ordered as in Q5_0.
 */
export const q5_1 = defineFormat({
  name: 'Q5_1',
  ggmlType: 7,
  blockSize: BLOCK_SIZE,
  blockBytes: BLOCK_BYTES,
  decode(source, target) {
    for (let at = 0, to = 0; at < source.length; at += BLOCK_BYTES, to += BLOCK_SIZE) {
      const scale = readF16(source, at);
      const min = readF16(source, at + MIN);
      for (let i = 0; i < 16; i++) {
        const pair = source[at + QUANTS + i]!;
        const lowFifth = (source[at + FIFTH_BITS + (i >> 3)]! >> (i & 7)) & 1;
        const highFifth = (source[at + FIFTH_BITS + 2 + (i >> 3)]! >> (i & 7)) & 1;
        target[to + i] = Math.fround(((pair & 15) | (lowFifth << 4)) * scale) + min;
        target[to + 16 + i] = Math.fround(((pair >> 4) | (highFifth << 4)) * scale) + min;
      }
    }
  },
  /** The same bytes as quantize_row_q5_1_ref. */
  encode(source, target) {
    target.fill(0);
    for (let from = 0, at = 0; from < source.length; from += BLOCK_SIZE, at += BLOCK_BYTES) {
      const { low: min, high: max } = rangeOf(source, from, BLOCK_SIZE);
      const scale = Math.fround(Math.fround(max - min) / 31);
      const inverse = reciprocal(scale);
      writeF16(target, at, scale);
      writeF16(target, at + MIN, min);
      for (let i = 0; i < BLOCK_SIZE; i++) {
        const quant = quantOf(Math.fround(source[from + i]! - min), inverse, 0.5, 31);
        target[at + QUANTS + (i & 15)]! |= (quant & 15) << (i < 16 ? 0 : 4);
        target[at + FIFTH_BITS + (i >> 3)]! |= (quant >> 4) << (i & 7);
      }
    }
  },
});
