import { defineFormat, type PackBlock } from './format.ts';
import { packNibbles } from './nibbles.ts';

/**
 * GGUF: f16 d | 2 bytes with the two high bits of each 6-bit scale | 4 bytes with its low nibbles | 8 · 16 bytes
 * of nibbles, indices of levels. A scale stands for 32 less. Packed: `matmulIQ4_XS`.
 */
const packBlock: PackBlock = (source, from, row, target, group, halves) => {
  for (let s = 0; s < 8; s++) {
    packNibbles(source, from + 8 + 16 * s, row, target, group + 128 * s);
    const low = (source.u8[from + 4 + (s >> 1)]! >> (4 * (s & 1))) & 15;
    const high = (source.u8[from + 2 + (s >> 2)]! >> (2 * (s & 3))) & 3;
    target.u8[group + 1024 + 8 * s + row] = (low | (high << 4)) - 32;
  }
  halves.move(source, from, target, group + 1088 + 2 * row);
};

export const iq4_XS = defineFormat({
  name: 'IQ4_XS',
  blockColumns: 256,
  activation: 'q8k',
  blockBytes: 136,
  groupBlockBytes: 1104,
  packBlock,
  kernel: (kernels) => kernels.matmulIQ4_XS,
  panelKernel: (kernels) => kernels.matmulPanelIQ4_XS,
});
