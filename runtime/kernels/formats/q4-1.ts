import { defineFormat, type PackBlock } from './format.ts';
import { packNibbles } from './nibbles.ts';

/**
 * GGUF: f16 d | f16 m | 16 bytes of nibbles. Packed: `matmulQ4_1`.
 */
const packBlock: PackBlock = (source, from, row, target, group, halves) => {
  packNibbles(source, from + 4, row, target, group);
  halves.move(source, from, target, group + 128 + 2 * row);
  halves.move(source, from + 2, target, group + 144 + 2 * row);
};

export const q4_1 = defineFormat({
  name: 'Q4_1',
  blockColumns: 32,
  activation: 'q8',
  blockBytes: 20,
  groupBlockBytes: 160,
  packBlock,
  kernel: (kernels) => kernels.matmulQ4_1,
  panelKernel: (kernels) => kernels.matmulPanelQ4_1,
});
