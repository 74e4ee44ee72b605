import { defineFormat, type PackBlock } from './format.ts';

/**
 * GGUF: f16 d | 32 int8. Packed: `matmulQ8_0`.
 */
const packBlock: PackBlock = (source, from, row, target, group, halves) => {
  const lane = group + (row >> 2) * 128 + (row & 3) * 4;
  for (let v = 0; v < 8; v++) {
    // Columns 0, 2, 1, 3 of each four: see `matmulQ8_0`.
    const four = source.word(from + 2 + 4 * v);
    const swapped = ((four >>> 8) & 0xff00) | ((four & 0xff00) << 8);
    target.setWord(lane + 16 * v, (four & 0xff0000ff) | swapped);
  }
  halves.move(source, from, target, group + 256 + 2 * row);
};

export const q8_0 = defineFormat({
  name: 'Q8_0',
  blockColumns: 32,
  activation: 'q8',
  blockBytes: 34,
  groupBlockBytes: 272,
  packBlock,
  kernel: (kernels) => kernels.matmulQ8_0,
  panelKernel: (kernels) => kernels.matmulPanelQ8_0,
});
