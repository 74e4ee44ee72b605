import { readF16, writeF16 } from './float16.ts';
import { defineFormat } from './format.ts';
import { peakOf, quantOf, reciprocal } from './rounding.ts';

const BLOCK_SIZE = 32;
const BLOCK_BYTES = 18;
const QUANTS = 2;

/**
 * 4 bits, symmetric: `x = scale * (q - 8)`. ggml-common.h, block_q4_0: f16 scale, then 16 bytes whose low nibbles
 * are elements 0..15 and high nibbles 16..31.
 */
export const q4_0 = defineFormat({
  name: 'Q4_0',
  ggmlType: 2,
  blockSize: BLOCK_SIZE,
  blockBytes: BLOCK_BYTES,
  decode(source, target) {
    for (let at = 0, to = 0; at < source.length; at += BLOCK_BYTES, to += BLOCK_SIZE) {
      const scale = readF16(source, at);
      for (let i = 0; i < 16; i++) {
        const pair = source[at + QUANTS + i]!;
        target[to + i] = ((pair & 15) - 8) * scale;
        target[to + 16 + i] = ((pair >> 4) - 8) * scale;
      }
    }
  },
  /** The same bytes as quantize_row_q4_0_ref: the peak takes -8, the one level without a mirror image. */
  encode(source, target) {
    for (let from = 0, at = 0; from < source.length; from += BLOCK_SIZE, at += BLOCK_BYTES) {
      const scale = Math.fround(peakOf(source, from, BLOCK_SIZE) / -8);
      const inverse = reciprocal(scale);
      writeF16(target, at, scale);
      for (let i = 0; i < 16; i++) {
        const low = quantOf(source[from + i]!, inverse, 8.5, 15);
        const high = quantOf(source[from + 16 + i]!, inverse, 8.5, 15);
        target[at + QUANTS + i] = low | (high << 4);
      }
    }
  },
});
