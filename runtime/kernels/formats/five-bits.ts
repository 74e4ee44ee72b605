import type { Bytes } from './bytes.ts';

/**
 * 32 quants of 5 bits of one row, column by column, to where `fiveBitRows` wants them, in 160 bytes at `to` of
 * target.
 */
export function packFiveBits(quants: Uint8Array, row: number, target: Bytes, to: number): void {
  const lane = to + (row >> 2) * 80 + (row & 3) * 4;
  for (let j = 0; j < 4; j++) {
    let top = 0;
    for (let v = 0; v < 4; v++) {
      const second = quants[16 + 4 * v + j]!;
      target.u8[lane + 16 * v + j] = quants[4 * v + j]! | (second << 5);
      top |= (second >> 3) << (2 * v);
    }
    target.u8[lane + 64 + j] = top;
  }
}

/**
 * The quants of a block of Q5_0 or Q5_1: 4 bytes at `from` whose bit i is the fifth bit of column i, then 16
 * bytes of nibbles as in Q4_0.
 */
export function readFiveBits({ u8: source }: Bytes, from: number, quants: Uint8Array): void {
  for (let i = 0; i < 16; i++) {
    const pair = source[from + 4 + i]!;
    const first = source[from + (i >> 3)]! >> (i & 7);
    const second = source[from + 2 + (i >> 3)]! >> (i & 7);
    quants[i] = (pair & 15) | ((first & 1) << 4);
    quants[16 + i] = (pair >> 4) | ((second & 1) << 4);
  }
}
