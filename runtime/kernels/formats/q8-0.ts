import { type PackBlock, packingBlocks } from './blocks.ts';
import { defineFormat } from './format.ts';

/** Where column k of row 0 stands in the 128 bytes of four rows, see `matmulQ8_0`. */
const columnOffset = Uint8Array.from({ length: 32 }, (_, k) => (k >> 2) * 16 + (k & 1) * 2 + ((k >> 1) & 1));

/**
 * GGUF: f16 d | 32 int8. Packed: `matmulQ8_0`.
 */
const packBlock: PackBlock = (source, from, row, target, group, halves) => {
  const lane = group + (row >> 2) * 128 + (row & 3) * 4;
  for (let k = 0; k < 32; k++) target[lane + columnOffset[k]!] = source[from + 2 + k]!;
  halves.move(source, from, target, group + 256 + 2 * row);
};

export const q8_0 = defineFormat({
  name: 'Q8_0',
  blockColumns: 32,
  activation: 'q8',
  ...packingBlocks(34, 272, packBlock),
  kernel: (kernels) => kernels.matmulQ8_0,
  panelKernel: (kernels) => kernels.matmulPanelQ8_0,
});
