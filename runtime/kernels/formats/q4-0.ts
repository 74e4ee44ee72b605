import { defineFormat, type PackBlock } from './format.ts';
import { packNibbles } from './nibbles.ts';

/**
 * GGUF: f16 d | 16 bytes of nibbles. Packed: `matmulQ4_0`.
 */
const packBlock: PackBlock = (source, from, row, target, group, halves) => {
  packNibbles(source, from + 2, row, target, group);
  halves.move(source, from, target, group + 128 + 2 * row);
};

export const q4_0 = defineFormat({
  name: 'Q4_0',
  blockColumns: 32,
  activation: 'q8',
  blockBytes: 18,
  groupBlockBytes: 144,
  packBlock,
  kernel: (kernels) => kernels.matmulQ4_0,
  panelKernel: (kernels) => kernels.matmulPanelQ4_0,
});
