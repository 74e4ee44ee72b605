import type { Bytes } from './bytes.ts';
import { defineFormat, type PackBlock } from './format.ts';

const quants = new Uint8Array(256);

/** The quants 0..7 of one block, column by column. Source: ggml-common.h, block_q3_K. */
function readQuants({ u8: source }: Bytes, from: number): void {
  for (let column = 0; column < 256; column++) {
    const unit = column >> 4;
    const at = (unit & 1) * 16 + (column & 15);
    const low = (source[from + 32 + (unit >> 3) * 32 + at]! >> (unit & 6)) & 3;
    const third = (source[from + at]! >> (unit >> 1)) & 1;
    quants[column] = low | (third << 2);
  }
}

/**
 * GGUF: 32 bytes of third bits, bit u >> 1 of 16 bytes for unit u of 16 columns | 64 bytes of low bits as in
 * Q2_K | 12 bytes of 6-bit scales, each standing for 32 less | f16 d. Packed: `matmulQ3_K`.
 */
const packBlock: PackBlock = (source, from, row, target, group, halves) => {
  readQuants(source, from);
  const lane = group + (row >> 2) * 48 + (row & 3) * 4;
  for (let pair = 0; pair < 8; pair++) {
    const to = lane + 96 * pair;
    const column = (four: number, j: number) => quants[32 * pair + 4 * four + j]!;
    for (let j = 0; j < 4; j++) {
      const seventh = column(6, j);
      const eighth = column(7, j);
      target.u8[to + j] = column(0, j) | (column(1, j) << 3) | (seventh << 6);
      target.u8[to + 16 + j] = column(2, j) | (column(3, j) << 3) | (eighth << 6);
      target.u8[to + 32 + j] =
        column(4, j) | (column(5, j) << 3) | ((seventh >> 2) << 6) | ((eighth >> 2) << 7);
    }
  }
  for (let unit = 0; unit < 16; unit++) {
    const low = (source.u8[from + 96 + (unit & 7)]! >> (unit < 8 ? 0 : 4)) & 15;
    const high = (source.u8[from + 104 + (unit & 3)]! >> (2 * (unit >> 2))) & 3;
    target.u8[group + 768 + 8 * unit + row] = (low | (high << 4)) - 32;
  }
  halves.move(source, from + 108, target, group + 896 + 2 * row);
};

export const q3_K = defineFormat({
  name: 'Q3_K',
  blockColumns: 256,
  activation: 'q8k',
  blockBytes: 110,
  groupBlockBytes: 912,
  packBlock,
  kernel: (kernels) => kernels.matmulQ3_K,
  panelKernel: (kernels) => kernels.matmulPanelQ3_K,
});
