import { readF16, writeF16 } from './float16.ts';
import { defineFormat } from './format.ts';
import { peakOf, quantOf, reciprocal } from './rounding.ts';

const BLOCK_SIZE = 32;
const BLOCK_BYTES = 22;
const FIFTH_BITS = 2;
const QUANTS = 6;

/**
 * 5 bits, symmetric: `x = scale * (q - 16)`. ggml-common.h, block_q5_0: f16 scale, 4 bytes whose bit i is the
 * fifth bit of element i, then nibbles ordered as in Q4_0.
 */
export const q5_0 = defineFormat({
  name: 'Q5_0',
  ggmlType: 6,
  blockSize: BLOCK_SIZE,
  blockBytes: BLOCK_BYTES,
  decode(source, target) {
    for (let at = 0, to = 0; at < source.length; at += BLOCK_BYTES, to += BLOCK_SIZE) {
      const scale = readF16(source, at);
      for (let i = 0; i < 16; i++) {
        const pair = source[at + QUANTS + i]!;
        const lowFifth = (source[at + FIFTH_BITS + (i >> 3)]! >> (i & 7)) & 1;
        const highFifth = (source[at + FIFTH_BITS + 2 + (i >> 3)]! >> (i & 7)) & 1;
        target[to + i] = (((pair & 15) | (lowFifth << 4)) - 16) * scale;
        target[to + 16 + i] = (((pair >> 4) | (highFifth << 4)) - 16) * scale;
      }
    }
  },
  /** The same bytes as quantize_row_q5_0_ref: the peak takes -16, the one level without a mirror image. */
  encode(source, target) {
    target.fill(0);
    for (let from = 0, at = 0; from < source.length; from += BLOCK_SIZE, at += BLOCK_BYTES) {
      const scale = Math.fround(peakOf(source, from, BLOCK_SIZE) / -16);
      const inverse = reciprocal(scale);
      writeF16(target, at, scale);
      for (let i = 0; i < BLOCK_SIZE; i++) {
        const quant = quantOf(source[from + i]!, inverse, 16.5, 31);
        target[at + QUANTS + (i & 15)]! |= (quant & 15) << (i < 16 ? 0 : 4);
        target[at + FIFTH_BITS + (i >> 3)]! |= (quant >> 4) << (i & 7);
      }
    }
  },
});
