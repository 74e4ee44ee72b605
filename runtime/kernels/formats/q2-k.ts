import { defineFormat, type PackBlock } from './format.ts';

/**
 * GGUF: 16 bytes, scale in the low and minimum in the high nibble | 64 bytes of quants: of each 128 columns 32
 * bytes, byte i with columns i, 32 + i, 64 + i and 96 + i from low bits to high | f16 d | f16 dmin. Packed:
 * `matmulQ2_K`.
 */
const packBlock: PackBlock = (source, from, row, target, group, halves) => {
  const lane = group + (row >> 2) * 16 + (row & 3) * 4;
  for (let unit = 0; unit < 16; unit++) {
    const quants = from + 16 + (unit >> 3) * 32 + (unit & 1) * 16;
    for (let j = 0; j < 4; j++) {
      let fours = 0;
      for (let v = 0; v < 4; v++) fours |= ((source.u8[quants + 4 * v + j]! >> (unit & 6)) & 3) << (2 * v);
      target.u8[lane + 32 * unit + j] = fours;
    }
    target.u8[group + 512 + 8 * unit + row] = source.u8[from + unit]!;
  }
  halves.move(source, from + 80, target, group + 640 + 2 * row);
  halves.move(source, from + 82, target, group + 656 + 2 * row);
};

export const q2_K = defineFormat({
  name: 'Q2_K',
  blockColumns: 256,
  activation: 'q8k',
  blockBytes: 84,
  groupBlockBytes: 672,
  packBlock,
  kernel: (kernels) => kernels.matmulQ2_K,
  panelKernel: (kernels) => kernels.matmulPanelQ2_K,
});
