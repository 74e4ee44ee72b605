import type { Bytes } from './bytes.ts';

/** Of the 4 bytes of a word. */
export const lowNibbles = 0x0f0f0f0f;

/**
 * 32 columns of one row in nibbles, 16 bytes at `from`: byte i has column i in its low and column 16 + i in
 * its high nibble. The nibbles stay paired, so whole words of 4 bytes move to where `nibbleRows` wants them,
 * in 128 bytes at `to`.
 */
export function packNibbles(source: Bytes, from: number, row: number, target: Bytes, to: number): void {
  const lane = to + (row >> 2) * 64 + (row & 3) * 4;
  target.setWord(lane, source.word(from));
  target.setWord(lane + 16, source.word(from + 4));
  target.setWord(lane + 32, source.word(from + 8));
  target.setWord(lane + 48, source.word(from + 12));
}
