import { readMin, readScale } from '../../quant/scales-6bit.ts';
import { type PackBlock, packingBlocks } from './blocks.ts';
import { defineFormat } from './format.ts';

/**
 * GGUF: f16 d | f16 dmin | 12 bytes of 6-bit scales and minimums | 128 bytes: of each 64 columns 32 bytes,
 * low nibbles the first 32 columns. Packed: `matmulQ4_K`.
 */
const packBlock: PackBlock = (source, from, row, target, group, halves) => {
  for (let s = 0; s < 8; s++) {
    target[group + 1024 + 8 * s + row] = readScale(source, from + 4, s);
    target[group + 1088 + 16 * (s >> 1) + 2 * row + (s & 1)] = readMin(source, from + 4, s);
  }
  let to = group + (row >> 2) * 64 + (row & 3) * 4;
  for (let pair = 0; pair < 4; pair++) {
    const bytes = from + 16 + 32 * pair;
    for (let i = 0; i < 16; i++) {
      const first = source[bytes + i]!;
      const second = source[bytes + 16 + i]!;
      const at = to + (i >> 2) * 16 + (i & 3);
      target[at] = (first & 15) | (second << 4);
      target[at + 128] = (first >> 4) | (second & 0xf0);
    }
    to += 256;
  }
  halves.move(source, from, target, group + 1152 + 2 * row);
  halves.move(source, from + 2, target, group + 1168 + 2 * row);
};

export const q4_K = defineFormat({
  name: 'Q4_K',
  blockColumns: 256,
  activation: 'q8k',
  ...packingBlocks(144, 1184, packBlock),
  kernel: (kernels) => kernels.matmulQ4_K,
  panelKernel: (kernels) => kernels.matmulPanelQ4_K,
});
