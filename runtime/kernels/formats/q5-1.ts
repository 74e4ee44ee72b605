import { packFiveBits, readFiveBits } from './five-bits.ts';
import { defineFormat, type PackBlock } from './format.ts';

const quants = new Uint8Array(32);

/**
 * GGUF: f16 d | f16 m | 4 bytes of fifth bits | 16 bytes of nibbles. Packed: `matmulQ5_1`.
 */
const packBlock: PackBlock = (source, from, row, target, group, halves) => {
  readFiveBits(source, from + 4, quants);
  packFiveBits(quants, row, target, group);
  halves.move(source, from, target, group + 160 + 2 * row);
  halves.move(source, from + 2, target, group + 176 + 2 * row);
};

export const q5_1 = defineFormat({
  name: 'Q5_1',
  blockColumns: 32,
  activation: 'q8',
  blockBytes: 24,
  groupBlockBytes: 192,
  packBlock,
  kernel: (kernels) => kernels.matmulQ5_1,
  panelKernel: (kernels) => kernels.matmulPanelQ5_1,
});
