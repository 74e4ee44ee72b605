import { packFiveBits, readFiveBits } from './five-bits.ts';
import { defineFormat, type PackBlock } from './format.ts';

const quants = new Uint8Array(32);

/**
 * GGUF: f16 d | 4 bytes of fifth bits | 16 bytes of nibbles. Packed: `matmulQ5_0`.
 */
const packBlock: PackBlock = (source, from, row, target, group, halves) => {
  readFiveBits(source, from + 2, quants);
  packFiveBits(quants, row, target, group);
  halves.move(source, from, target, group + 160 + 2 * row);
};

export const q5_0 = defineFormat({
  name: 'Q5_0',
  blockColumns: 32,
  activation: 'q8',
  blockBytes: 22,
  groupBlockBytes: 176,
  packBlock,
  kernel: (kernels) => kernels.matmulQ5_0,
  panelKernel: (kernels) => kernels.matmulPanelQ5_0,
});
