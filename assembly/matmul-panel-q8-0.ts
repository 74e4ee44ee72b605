import { HALF_BITS, HIGH_BYTES } from './constants';
import { NEIGHBOURS, PANEL, WORDS_RECORD, clearSums, gatherWordsQ8, moveSums } from './panel';
import { addBlocks, addWords } from './panel-dots';
import { weightScales } from './simd';

/** 16 columns of 4 rows, in 64 bytes at q: 256 · weights in i16 pairs, as in `matmulQ8_0`. */
@inline
function addBytes(q: usize, x: usize, scratch: usize, tokens: i32): void {
  const highBytes = v128.load(HIGH_BYTES);
  const q0 = v128.load(q);
  const q1 = v128.load(q, 16);
  const q2 = v128.load(q, 32);
  const q3 = v128.load(q, 48);
  addWords(
    x, scratch, tokens,
    i16x8.shl(q0, 8), v128.and(q0, highBytes), i16x8.shl(q1, 8), v128.and(q1, highBytes),
    i16x8.shl(q2, 8), v128.and(q2, highBytes), i16x8.shl(q3, 8), v128.and(q3, highBytes),
  );
}

/** All blocks of 4 rows: their weights begin at q, their scales at `scale`. */
@inline
function multiplyRows(q: usize, scale: usize, end: usize, scratch: usize, tokens: i32): void {
  let x = scratch + PANEL;
  const unitBytes = <usize>tokens * WORDS_RECORD;
  while (scale < end) {
    addBytes(q, x, scratch, tokens);
    addBytes(q + 64, x + unitBytes, scratch, tokens);
    x += 2 * unitBytes;
    addBlocks(x, 4, weightScales(scale, v128.load(HALF_BITS)), scratch, tokens);
    x += <usize>tokens << 2;
    q += 272;
    scale += 272;
  }
}

/** As `matmulQ8_0`, the same bits, for a panel of tokens: count is a multiple of 4, at most 32. scratch: see `panel.ts`. */
export function matmulPanelQ8_0(
  w: usize, x: usize, y: usize, paddedRows: i32, columns: i32, count: i32, yStride: i32, scratch: usize,
): void {
  const groupBytes = <usize>(columns >> 5) * 272;
  const rowEnd = y + (<usize>paddedRows << 2);
  gatherWordsQ8(x, scratch + PANEL, columns, count, NEIGHBOURS);
  clearSums(scratch);
  for (; y < rowEnd; y += 32) {
    const groupEnd = w + groupBytes;
    for (let half: usize = 0; half < 2; half++) {
      multiplyRows(w + 128 * half, w + 256 + 8 * half, groupEnd, scratch, count);
      moveSums(scratch, y + 16 * half, count, yStride, 1 / 256);
    }
    w = groupEnd;
  }
}
