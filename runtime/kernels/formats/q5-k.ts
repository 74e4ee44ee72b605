import { readMin, readScale } from '../../quant/scales-6bit.ts';
import { packFiveBits } from './five-bits.ts';
import { defineFormat, type PackBlock } from './format.ts';

const quants = new Uint8Array(32);

/**
 * GGUF: f16 d | f16 dmin | 12 bytes of 6-bit scales and minimums | 32 bytes, bit s of byte i the fifth bit of
 * column i of sub-block s | 128 bytes of nibbles as in Q4_K. Packed: `matmulQ5_K`.
 */
const packBlock: PackBlock = (source, from, row, target, group, halves) => {
  for (let s = 0; s < 8; s++) {
    const nibbles = from + 48 + (s >> 1) * 32;
    for (let i = 0; i < 32; i++) {
      const low = (source.u8[nibbles + i]! >> (4 * (s & 1))) & 15;
      quants[i] = low | (((source.u8[from + 16 + i]! >> s) & 1) << 4);
    }
    packFiveBits(quants, row, target, group + 160 * s);
    target.u8[group + 1280 + 8 * s + row] = readScale(source.u8, from + 4, s);
    target.u8[group + 1344 + 16 * (s >> 1) + 2 * row + (s & 1)] = readMin(source.u8, from + 4, s);
  }
  halves.move(source, from, target, group + 1408 + 2 * row);
  halves.move(source, from + 2, target, group + 1424 + 2 * row);
};

export const q5_K = defineFormat({
  name: 'Q5_K',
  blockColumns: 256,
  activation: 'q8k',
  blockBytes: 176,
  groupBlockBytes: 1440,
  packBlock,
  kernel: (kernels) => kernels.matmulQ5_K,
  panelKernel: (kernels) => kernels.matmulPanelQ5_K,
});
