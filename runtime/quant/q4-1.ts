import { readF16, writeF16 } from './float16.ts';
import { defineFormat } from './format.ts';
import { quantOf, rangeOf, reciprocal } from './rounding.ts';

const BLOCK_SIZE = 32;
const BLOCK_BYTES = 20;
const MIN = 2;
const QUANTS = 4;

/**
 * 4 bits over a range: `x = scale * q + min`. ggml-common.h, block_q4_1: f16 scale, f16 min, then nibbles ordered
 * as in Q4_0.
 */
export const q4_1 = defineFormat({
  name: 'Q4_1',
  ggmlType: 3,
  blockSize: BLOCK_SIZE,
  blockBytes: BLOCK_BYTES,
  decode(source, target) {
    for (let at = 0, to = 0; at < source.length; at += BLOCK_BYTES, to += BLOCK_SIZE) {
      const scale = readF16(source, at);
      const min = readF16(source, at + MIN);
      for (let i = 0; i < 16; i++) {
        const pair = source[at + QUANTS + i]!;
        target[to + i] = Math.fround((pair & 15) * scale) + min;
        target[to + 16 + i] = Math.fround((pair >> 4) * scale) + min;
      }
    }
  },
  /** The same bytes as quantize_row_q4_1_ref. */
  encode(source, target) {
    for (let from = 0, at = 0; from < source.length; from += BLOCK_SIZE, at += BLOCK_BYTES) {
      const { low: min, high: max } = rangeOf(source, from, BLOCK_SIZE);
      const scale = Math.fround(Math.fround(max - min) / 15);
      const inverse = reciprocal(scale);
      writeF16(target, at, scale);
      writeF16(target, at + MIN, min);
      for (let i = 0; i < 16; i++) {
        const low = quantOf(Math.fround(source[from + i]! - min), inverse, 0.5, 15);
        const high = quantOf(Math.fround(source[from + 16 + i]! - min), inverse, 0.5, 15);
        target[at + QUANTS + i] = low | (high << 4);
      }
    }
  },
});
