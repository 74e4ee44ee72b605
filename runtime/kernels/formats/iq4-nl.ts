import { defineFormat, type PackBlock } from './format.ts';
import { packNibbles } from './nibbles.ts';

/**
 * GGUF: f16 d | 16 bytes of nibbles, indices of levels. Packed: `matmulIQ4_NL`.
 */
const packBlock: PackBlock = (source, from, row, target, group, halves) => {
  packNibbles(source, from + 2, row, target, group);
  halves.move(source, from, target, group + 128 + 2 * row);
};

export const iq4_NL = defineFormat({
  name: 'IQ4_NL',
  blockColumns: 32,
  activation: 'q8',
  blockBytes: 18,
  groupBlockBytes: 144,
  packBlock,
  kernel: (kernels) => kernels.matmulIQ4_NL,
  panelKernel: (kernels) => kernels.matmulPanelIQ4_NL,
});
