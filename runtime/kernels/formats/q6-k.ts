import type { Bytes } from './bytes.ts';
import { defineFormat, type PackBlock } from './format.ts';
import { lowNibbles } from './nibbles.ts';

/** Of the 4 bytes of a word. */
const lowPairs = 0x03030303;

/**
 * One unit of 16 columns. A quant has its low nibble in the file's `low` 16 bytes, moved up by `shift` bits where
 * that is 4, and two bits in the `high` 16 bytes, moved up by `pair` bits. Source: ggml, dequantize_row_q6_K.
 */
function packUnit(
  source: Bytes,
  low: number,
  shift: number,
  high: number,
  pair: number,
  target: Bytes,
  nibbles: number,
  tops: number,
): void {
  const nibble = (four: number) => (source.word(low + 4 * four) >>> shift) & lowNibbles;
  const top = (four: number) => (source.word(high + 4 * four) >>> pair) & lowPairs;
  target.setWord(nibbles, nibble(0) | (nibble(2) << 4));
  target.setWord(nibbles + 16, nibble(1) | (nibble(3) << 4));
  target.setWord(tops, top(0) | (top(1) << 2) | (top(2) << 4) | (top(3) << 6));
}

/** GGUF: 128 bytes of low nibbles | 64 bytes of top bits | 16 int8 scales | f16 d. Packed: `matmulQ6_K`. */
const packBlock: PackBlock = (source, from, row, target, group, halves) => {
  const lane = (row & 3) * 4;
  for (let unit = 0; unit < 16; unit++) {
    // 128 columns are four runs of 32: the first and second in low nibbles, the third and fourth in high ones.
    const run = (unit >> 1) & 3;
    const low = from + (unit >> 3) * 64 + (run & 1) * 32 + (unit & 1) * 16;
    const high = from + 128 + (unit >> 3) * 32 + (unit & 1) * 16;
    const nibbles = group + 96 * unit + (row >> 2) * 32 + lane;
    const tops = group + 96 * unit + 64 + (row >> 2) * 16 + lane;
    packUnit(source, low, 4 * (run >> 1), high, 2 * run, target, nibbles, tops);
    target.u8[group + 1536 + 8 * unit + row] = source.u8[from + 192 + unit]!;
  }
  halves.move(source, from + 208, target, group + 1664 + 2 * row);
};

export const q6_K = defineFormat({
  name: 'Q6_K',
  blockColumns: 256,
  activation: 'q8k',
  blockBytes: 210,
  groupBlockBytes: 1680,
  packBlock,
  kernel: (kernels) => kernels.matmulQ6_K,
  panelKernel: (kernels) => kernels.matmulPanelQ6_K,
});
