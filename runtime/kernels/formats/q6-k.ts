import { type PackBlock, packingBlocks } from './blocks.ts';
import { defineFormat } from './format.ts';

/** The 6-bit quants of one block, column by column. Source: ggml, dequantize_row_q6_K. */
function unpackQuants(source: Uint8Array, from: number, quants: Uint8Array): void {
  for (let half = 0; half < 2; half++) {
    const low = from + 64 * half;
    const high = from + 128 + 32 * half;
    const out = 128 * half;
    for (let i = 0; i < 32; i++) {
      const first = source[low + i]!;
      const second = source[low + 32 + i]!;
      const top = source[high + i]!;
      quants[out + i] = (first & 15) | ((top & 3) << 4);
      quants[out + 32 + i] = (second & 15) | ((top & 12) << 2);
      quants[out + 64 + i] = (first >> 4) | (top & 48);
      quants[out + 96 + i] = (second >> 4) | ((top & 192) >> 2);
    }
  }
}

/** 16 units of 16 columns into the group's block at `group`. */
function packUnits(quants: Uint8Array, row: number, target: Uint8Array, group: number): void {
  const lane = (row & 3) * 4;
  let nibbles = group + (row >> 2) * 32 + lane;
  let tops = group + 64 + (row >> 2) * 16 + lane;
  for (let column = 0; column < 256; column += 16) {
    for (let j = 0; j < 4; j++) {
      const a = quants[column + j]!;
      const b = quants[column + 4 + j]!;
      const c = quants[column + 8 + j]!;
      const d = quants[column + 12 + j]!;
      target[nibbles + j] = (a & 15) | (c << 4);
      target[nibbles + 16 + j] = (b & 15) | (d << 4);
      target[tops + j] = (a >> 4) | ((b >> 4) << 2) | ((c >> 4) << 4) | ((d >> 4) << 6);
    }
    nibbles += 96;
    tops += 96;
  }
}

const quants = new Uint8Array(256);

/** GGUF: 128 bytes of low nibbles | 64 bytes of top bits | 16 int8 scales | f16 d. Packed: `matmulQ6_K`. */
const packBlock: PackBlock = (source, from, row, target, group, halves) => {
  unpackQuants(source, from, quants);
  packUnits(quants, row, target, group);
  for (let unit = 0; unit < 16; unit++) {
    target[group + 1536 + 8 * unit + row] = source[from + 192 + unit]!;
  }
  halves.move(source, from + 208, target, group + 1664 + 2 * row);
};

export const q6_K = defineFormat({
  name: 'Q6_K',
  blockColumns: 256,
  activation: 'q8k',
  ...packingBlocks(210, 1680, packBlock),
  kernel: (kernels) => kernels.matmulQ6_K,
  panelKernel: (kernels) => kernels.matmulPanelQ6_K,
});
