/**
 * 32 columns of one row in nibbles, 16 bytes at `from`: byte i has column i in its low and column 16 + i in
 * its high nibble. The nibbles stay paired, so whole words of 4 bytes move to where `nibbleRows` wants them,
 * in 128 bytes at `to`.
 */
export function packNibbles(
  source: Uint8Array,
  from: number,
  row: number,
  target: Uint8Array,
  to: number,
): void {
  const lane = to + (row >> 2) * 64 + (row & 3) * 4;
  for (let i = 0; i < 16; i++) target[lane + (i >> 2) * 16 + (i & 3)] = source[from + i]!;
}
