import { HalfRecoder } from '../half.ts';
import { defineFormat, type FormatLayout } from './format.ts';

const BLOCK_BYTES = 18;
const GROUP_BLOCK_BYTES = 144;

/**
 * GGUF: f16 d | 16 bytes, byte i has column i in its low and column 16 + i in its high nibble.
 * Packed: `matmulQ4_0`; the nibbles stay paired, so whole words of 4 bytes move.
 */
const packGroup: FormatLayout['packGroup'] = (
  source,
  sourceOffset,
  rows,
  blocksPerRow,
  target,
  targetOffset,
) => {
  const scales = new HalfRecoder();
  for (let row = 0; row < rows; row++) {
    let from = sourceOffset + row * blocksPerRow * BLOCK_BYTES;
    const half = (row >> 2) * 64 + (row & 3) * 4;
    for (let block = 0; block < blocksPerRow; block++) {
      const group = targetOffset + block * GROUP_BLOCK_BYTES;
      const scale = scales.recode(source[from]! | (source[from + 1]! << 8));
      target[group + 128 + 2 * row] = scale;
      target[group + 129 + 2 * row] = scale >> 8;
      for (let i = 0; i < 16; i++) {
        target[group + half + (i >> 2) * 16 + (i & 3)] = source[from + 2 + i]!;
      }
      from += BLOCK_BYTES;
    }
  }
  scales.finish();
};

export const q4_0 = defineFormat({
  name: 'Q4_0',
  blockColumns: 32,
  activation: 'q8',
  blockBytes: BLOCK_BYTES,
  groupBlockBytes: GROUP_BLOCK_BYTES,
  kernel: (kernels) => kernels.matmulQ4_0,
  panelKernel: (kernels) => kernels.matmulPanelQ4_0,
  packGroup,
});
