import { readMin, readScale } from '../../quant/scales-6bit.ts';
import { defineFormat, type PackBlock } from './format.ts';
import { lowNibbles } from './nibbles.ts';

/**
 * GGUF: f16 d | f16 dmin | 12 bytes of 6-bit scales and minimums | 128 bytes: of each 64 columns 32 bytes,
 * low nibbles the first 32 columns. Packed: `matmulQ4_K`.
 */
const packBlock: PackBlock = (source, from, row, target, group, halves) => {
  for (let s = 0; s < 8; s++) {
    target.u8[group + 1024 + 8 * s + row] = readScale(source.u8, from + 4, s);
    target.u8[group + 1088 + 16 * (s >> 1) + 2 * row + (s & 1)] = readMin(source.u8, from + 4, s);
  }
  let to = group + (row >> 2) * 64 + (row & 3) * 4;
  for (let pair = 0; pair < 4; pair++) {
    const bytes = from + 16 + 32 * pair;
    for (let v = 0; v < 4; v++) {
      const first = source.word(bytes + 4 * v);
      const second = source.word(bytes + 16 + 4 * v);
      target.setWord(to + 16 * v, (first & lowNibbles) | ((second & lowNibbles) << 4));
      target.setWord(to + 16 * v + 128, ((first >>> 4) & lowNibbles) | (second & ~lowNibbles));
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
  blockBytes: 144,
  groupBlockBytes: 1184,
  packBlock,
  kernel: (kernels) => kernels.matmulQ4_K,
  panelKernel: (kernels) => kernels.matmulPanelQ4_K,
});
