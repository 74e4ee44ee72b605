import { HALF_BITS, NIBBLES } from './constants';
import { fetchStrip } from './fetch';
import { addNibbleWords } from './matmul-panel-q4-0';
import { combine, twiceLow } from './matmul-q4-k';
import { BLOCK_SUMS, BYTES_RECORD, PANEL, TAIL, WORDS_RECORD, clearSums, gatherQ8K, moveSums } from './panel';
import { byteDots } from './panel-dots';
import { weightScales } from './simd';

/** 32 columns of 4 rows: nibbles at q, scales twice each in i16 lanes. */
@inline
function addSubBlockBytes(q: usize, scales: v128, x: usize, scratch: usize, tokens: i32): void {
  const mask = v128.load(NIBBLES);
  const q0 = v128.load(q);
  const q1 = v128.load(q, 16);
  const q2 = v128.load(q, 32);
  const q3 = v128.load(q, 48);
  const w0 = v128.and(q0, mask);
  const w1 = v128.and(q1, mask);
  const w2 = v128.and(q2, mask);
  const w3 = v128.and(q3, mask);
  const w4 = v128.and(i16x8.shr_u(q0, 4), mask);
  const w5 = v128.and(i16x8.shr_u(q1, 4), mask);
  const w6 = v128.and(i16x8.shr_u(q2, 4), mask);
  const w7 = v128.and(i16x8.shr_u(q3, 4), mask);
  let sums = scratch + BLOCK_SUMS;
  const end = sums + (<usize>tokens << 4);
  do {
    let halves = byteDots(x, w0, w1, w2, w3, w4, w5, w6, w7);
    v128.store(sums, i32x4.add(i32x4.dot_i16x8_s(halves, scales), v128.load(sums)));
    halves = byteDots(x + 40, w0, w1, w2, w3, w4, w5, w6, w7);
    v128.store(sums, i32x4.add(i32x4.dot_i16x8_s(halves, scales), v128.load(sums, 16)), 16);
    halves = byteDots(x + 80, w0, w1, w2, w3, w4, w5, w6, w7);
    v128.store(sums, i32x4.add(i32x4.dot_i16x8_s(halves, scales), v128.load(sums, 32)), 32);
    halves = byteDots(x + 120, w0, w1, w2, w3, w4, w5, w6, w7);
    v128.store(sums, i32x4.add(i32x4.dot_i16x8_s(halves, scales), v128.load(sums, 48)), 48);
    x += 4 * BYTES_RECORD;
    sums += 64;
  } while (sums < end);
}

/** The block's end: minimums at m, d and dmin of 4 rows at d and d + 16, the tokens' tails at x. */
@inline
function addBlocks(m: usize, d: usize, x: usize, scratch: usize, tokens: i32): void {
  const halfBits = v128.load(HALF_BITS);
  const m0 = v128.load8x8_u(m);
  const m1 = v128.load8x8_u(m, 16);
  const m2 = v128.load8x8_u(m, 32);
  const m3 = v128.load8x8_u(m, 48);
  const scales = weightScales(d, halfBits);
  const minScales = weightScales(d + 16, halfBits);
  const end = scratch + (<usize>tokens << 4);
  do {
    let minimum = i32x4.dot_i16x8_s(m0, v128.load32_splat(x));
    minimum = i32x4.add(minimum, i32x4.dot_i16x8_s(m1, v128.load32_splat(x, 4)));
    minimum = i32x4.add(minimum, i32x4.dot_i16x8_s(m2, v128.load32_splat(x, 8)));
    minimum = i32x4.add(minimum, i32x4.dot_i16x8_s(m3, v128.load32_splat(x, 12)));
    const rows = combine(v128.load(scratch, BLOCK_SUMS), scales, minimum, minScales);
    v128.store(scratch, i32x4.splat(0), BLOCK_SUMS);
    v128.store(scratch, f32x4.add(v128.load(scratch), f32x4.mul(rows, v128.load32_splat(x, 16))));
    x += TAIL;
    scratch += 16;
  } while (scratch < end);
}

/** All blocks of 4 rows, the first (half = 0) or last (half = 1) of each group's block. */
@inline
function multiplyRows(block: usize, half: usize, end: usize, scratch: usize, tokens: i32): void {
  let x = scratch + PANEL;
  const unitBytes = <usize>tokens * WORDS_RECORD;
  for (; block < end; block += 1184) {
    fetchStrip(block, 1184);
    let q = block + 64 * half;
    let scale = block + 1024 + 4 * half;
    for (let s = 0; s < 8; s++) {
      const scales = twiceLow(v128.load8x8_u(scale));
      if (RELAXED) {
        addSubBlockBytes(q, scales, x, scratch, tokens);
        x += <usize>tokens * BYTES_RECORD;
      } else {
        addNibbleWords(q, 0, 0, scales, x, scratch, tokens);
        addNibbleWords(q, 4, 0, scales, x + unitBytes, scratch, tokens);
        x += 2 * unitBytes;
      }
      q += 128;
      scale += 8;
    }
    addBlocks(block + 1088 + 8 * half, block + 1152 + 8 * half, x, scratch, tokens);
    x += <usize>tokens * TAIL;
  }
}

/**
 * As `matmulQ4_K`, the same bits, for a panel of tokens: count is a multiple of 4, at most 32. scratch: see `panel.ts`.
 * The baseline build multiplies weights by their sub-block's scale (at most 15 · 63) once for all tokens.
 */
export function matmulPanelQ4_K(
  w: usize, x: usize, y: usize, paddedRows: i32, columns: i32, count: i32, yStride: i32, scratch: usize,
): void {
  const groupBytes = <usize>(columns >> 8) * 1184;
  const rowEnd = y + (<usize>paddedRows << 2);
  gatherQ8K(x, scratch + PANEL, columns, count);
  clearSums(scratch);
  for (; y < rowEnd; y += 32) {
    for (let half: usize = 0; half < 2; half++) {
      multiplyRows(w, half, w + groupBytes, scratch, count);
      moveSums(scratch, y + 16 * half, count, yStride, 1);
    }
    w += groupBytes;
  }
}
