import { HalfRecoder } from '../half.ts';
import { defineFormat, type FormatLayout } from './format.ts';

const BLOCK_BYTES = 144;
const GROUP_BLOCK_BYTES = 1184;

/**
 * Scale and minimum of a sub-block (0..7), 6 bits each, from the 12 bytes at `at`. Source: ggml,
 * get_scale_min_k4.
 */
function subBlockScale(source: Uint8Array, at: number, s: number): number {
  if (s < 4) return source[at + s]! & 63;
  return (source[at + s + 4]! & 15) | ((source[at + s - 4]! >> 6) << 4);
}
function subBlockMinimum(source: Uint8Array, at: number, s: number): number {
  if (s < 4) return source[at + s + 4]! & 63;
  return (source[at + s + 4]! >> 4) | ((source[at + s]! >> 6) << 4);
}

/** One row's block at `from` into the group's block at `group`. */
function packBlock(source: Uint8Array, from: number, row: number, target: Uint8Array, group: number): void {
  for (let s = 0; s < 8; s++) {
    target[group + 1024 + 8 * s + row] = subBlockScale(source, from + 4, s);
    target[group + 1088 + 16 * (s >> 1) + 2 * row + (s & 1)] = subBlockMinimum(source, from + 4, s);
  }
  const quants = from + 16;
  let to = group + (row >> 2) * 64 + (row & 3) * 4;
  for (let pair = 0; pair < 4; pair++) {
    const bytes = quants + 32 * pair;
    for (let i = 0; i < 16; i++) {
      const first = source[bytes + i]!;
      const second = source[bytes + 16 + i]!;
      const at = to + (i >> 2) * 16 + (i & 3);
      target[at] = (first & 15) | (second << 4);
      target[at + 128] = (first >> 4) | (second & 0xf0);
    }
    to += 256;
  }
}

/**
 * GGUF: f16 d | f16 dmin | 12 bytes of 6-bit scales and minimums | 128 bytes: of each 64 columns 32 bytes,
 * low nibbles the first 32 columns. Packed: `matmulQ4_K`.
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
    for (let block = 0; block < blocksPerRow; block++) {
      const group = targetOffset + block * GROUP_BLOCK_BYTES;
      const d = scales.recode(source[from]! | (source[from + 1]! << 8));
      const dmin = scales.recode(source[from + 2]! | (source[from + 3]! << 8));
      target[group + 1152 + 2 * row] = d;
      target[group + 1153 + 2 * row] = d >> 8;
      target[group + 1168 + 2 * row] = dmin;
      target[group + 1169 + 2 * row] = dmin >> 8;
      packBlock(source, from, row, target, group);
      from += BLOCK_BYTES;
    }
  }
  scales.finish();
};

export const q4_K = defineFormat({
  name: 'Q4_K',
  blockColumns: 256,
  activation: 'q8k',
  blockBytes: BLOCK_BYTES,
  groupBlockBytes: GROUP_BLOCK_BYTES,
  kernel: (kernels) => kernels.matmulQ4_K,
  panelKernel: (kernels) => kernels.matmulPanelQ4_K,
  packGroup,
});
