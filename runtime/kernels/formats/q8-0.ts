import { HalfRecoder } from '../half.ts';
import { defineFormat, type FormatLayout } from './format.ts';

const BLOCK_BYTES = 34;
const GROUP_BLOCK_BYTES = 272;

/** Where column k of row 0 stands in the 128 bytes of four rows, see `matmulQ8_0`. */
const columnOffset = Uint8Array.from({ length: 32 }, (_, k) => (k >> 2) * 16 + (k & 1) * 2 + ((k >> 1) & 1));

/** GGUF: f16 d | 32 int8. Packed: `matmulQ8_0`. */
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
    const half = (row >> 2) * 128 + (row & 3) * 4;
    for (let block = 0; block < blocksPerRow; block++) {
      const group = targetOffset + block * GROUP_BLOCK_BYTES;
      const scale = scales.recode(source[from]! | (source[from + 1]! << 8));
      target[group + 256 + 2 * row] = scale;
      target[group + 257 + 2 * row] = scale >> 8;
      for (let k = 0; k < 32; k++) target[group + half + columnOffset[k]!] = source[from + 2 + k]!;
      from += BLOCK_BYTES;
    }
  }
  scales.finish();
};

export const q8_0 = defineFormat({
  name: 'Q8_0',
  blockColumns: 32,
  activation: 'q8',
  blockBytes: BLOCK_BYTES,
  groupBlockBytes: GROUP_BLOCK_BYTES,
  kernel: (kernels) => kernels.matmulQ8_0,
  panelKernel: (kernels) => kernels.matmulPanelQ8_0,
  packGroup,
});
