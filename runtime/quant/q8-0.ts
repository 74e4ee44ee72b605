import { readF16, writeF16 } from './float16.ts';
import { defineFormat } from './format.ts';
import { peakOf, reciprocal } from './rounding.ts';

const BLOCK_SIZE = 32;
const BLOCK_BYTES = 34;
const QUANTS = 2;

/** 8 bits, symmetric: `x = scale * q`. ggml-common.h, block_q8_0: f16 scale, then 32 signed bytes. */
export const q8_0 = defineFormat({
  name: 'Q8_0',
  ggmlType: 8,
  blockSize: BLOCK_SIZE,
  blockBytes: BLOCK_BYTES,
  decode(source, target) {
    const signed = new Int8Array(source.buffer, source.byteOffset, source.length);
    for (let at = 0, to = 0; at < source.length; at += BLOCK_BYTES, to += BLOCK_SIZE) {
      const scale = readF16(source, at);
      for (let i = 0; i < BLOCK_SIZE; i++) target[to + i] = signed[at + QUANTS + i]! * scale;
    }
  },
  /** The same bytes as quantize_row_q8_0_ref: levels -127..127, halves rounded away from zero. */
  encode(source, target) {
    for (let from = 0, at = 0; from < source.length; from += BLOCK_SIZE, at += BLOCK_BYTES) {
      const scale = Math.fround(Math.abs(peakOf(source, from, BLOCK_SIZE)) / 127);
      const inverse = reciprocal(scale);
      writeF16(target, at, scale);
      for (let i = 0; i < BLOCK_SIZE; i++) {
        const level = Math.fround(source[from + i]! * inverse);
        target[at + QUANTS + i] = Math.trunc(level < 0 ? level - 0.5 : level + 0.5);
      }
    }
  },
});
