import { HALF_BITS, LOW_BYTES, NIBBLES, TOP_BITS } from './constants';
import { fetchStrip } from './fetch';
import { twiceLow } from './matmul-q4-k';
import { BLOCK_SUMS, BYTES_RECORD, PANEL, TAIL, WORDS_RECORD, clearSums, gatherQ8K, moveSums } from './panel';
import { addBlocks, addWords } from './panel-dots';
import { weightScales } from './simd';

/** Quants of 4 columns in bytes: nibbles in the low four bits of `low`, two more in bits 4, 5 of `top`. */
@inline
function sixBits(low: v128, top: v128): v128 {
  return v128.or(v128.and(low, v128.load(NIBBLES)), v128.and(top, v128.load(TOP_BITS)));
}

/** Halves of 4 rows × 16 columns: `offset` (−32 · Σ q_x of each half) and the products, see `sixBitRows`. */
@inline
function unitDots(x: usize, offset: v128, w0: v128, w1: v128, w2: v128, w3: v128): v128 {
  let sum = i16x8.add(offset, v128.relaxed_dot<i16>(v128.load32_splat(x), w0));
  sum = i16x8.add(sum, v128.relaxed_dot<i16>(v128.load32_splat(x, 4), w1));
  sum = i16x8.add(sum, v128.relaxed_dot<i16>(v128.load32_splat(x, 8), w2));
  return i16x8.add(sum, v128.relaxed_dot<i16>(v128.load32_splat(x, 12), w3));
}

/** Two units of 4 rows; x: [tokens] records of bytes. */
@inline
function addTwoUnits(
  q: usize, tops: usize, first: v128, second: v128, x: usize, scratch: usize, tokens: i32,
): void {
  let a = v128.load(q);
  let b = v128.load(q, 16);
  let top = v128.load(tops);
  const w0 = sixBits(a, i16x8.shl(top, 4));
  const w1 = sixBits(b, i16x8.shl(top, 2));
  const w2 = sixBits(i16x8.shr_u(a, 4), top);
  const w3 = sixBits(i16x8.shr_u(b, 4), i16x8.shr_u(top, 2));
  a = v128.load(q, 96);
  b = v128.load(q, 112);
  top = v128.load(tops, 96);
  const w4 = sixBits(a, i16x8.shl(top, 4));
  const w5 = sixBits(b, i16x8.shl(top, 2));
  const w6 = sixBits(i16x8.shr_u(a, 4), top);
  const w7 = sixBits(i16x8.shr_u(b, 4), i16x8.shr_u(top, 2));
  let sums = scratch + BLOCK_SUMS;
  const end = sums + (<usize>tokens << 4);
  do {
    const half = i32x4.dot_i16x8_s(unitDots(x, v128.load32_splat(x, 32), w0, w1, w2, w3), first);
    const sum = i32x4.add(v128.load(sums), half);
    const other = i32x4.dot_i16x8_s(unitDots(x + 16, v128.load32_splat(x, 36), w4, w5, w6, w7), second);
    v128.store(sums, i32x4.add(sum, other));
    x += BYTES_RECORD;
    sums += 16;
  } while (sums < end);
}

/** (q − 32) · scale, at most 2^12, of the even (shift 0) or odd (8) bytes of q. */
@inline
function scaledPairs(q: v128, shift: i32, scales: v128): v128 {
  const quants = v128.and(i16x8.shr_u(q, shift), v128.load(LOW_BYTES));
  return i16x8.mul(i16x8.sub(quants, i16x8.splat(32)), scales);
}

/** One unit of 4 rows; x: [tokens] records of words. */
@inline
function addUnit(q: usize, tops: usize, scales: v128, x: usize, scratch: usize, tokens: i32): void {
  const a = v128.load(q);
  const b = v128.load(q, 16);
  const top = v128.load(tops);
  const q0 = sixBits(a, i16x8.shl(top, 4));
  const q1 = sixBits(b, i16x8.shl(top, 2));
  const q2 = sixBits(i16x8.shr_u(a, 4), top);
  const q3 = sixBits(i16x8.shr_u(b, 4), i16x8.shr_u(top, 2));
  addWords(
    x, scratch, tokens,
    scaledPairs(q0, 0, scales), scaledPairs(q1, 0, scales), scaledPairs(q2, 0, scales), scaledPairs(q3, 0, scales),
    scaledPairs(q0, 8, scales), scaledPairs(q1, 8, scales), scaledPairs(q2, 8, scales), scaledPairs(q3, 8, scales),
  );
}

/** All blocks of 4 rows, the first (half = 0) or last (half = 1) of each group's block. */
@inline
function multiplyRows(block: usize, half: usize, end: usize, scratch: usize, tokens: i32): void {
  let x = scratch + PANEL;
  const unitBytes = <usize>tokens * WORDS_RECORD;
  for (; block < end; block += 1680) {
    fetchStrip(block, 1680);
    let q = block + 32 * half;
    let tops = block + 64 + 16 * half;
    let scale = block + 1536 + 4 * half;
    for (let s = 0; s < 8; s++) {
      const first = twiceLow(v128.load8x8_s(scale));
      const second = twiceLow(v128.load8x8_s(scale, 8));
      if (RELAXED) {
        addTwoUnits(q, tops, first, second, x, scratch, tokens);
        x += <usize>tokens * BYTES_RECORD;
      } else {
        addUnit(q, tops, first, x, scratch, tokens);
        addUnit(q + 96, tops + 96, second, x + unitBytes, scratch, tokens);
        x += 2 * unitBytes;
      }
      q += 192;
      tops += 192;
      scale += 16;
    }
    addBlocks(x + 16, TAIL, weightScales(block + 1664 + 8 * half, v128.load(HALF_BITS)), scratch, tokens);
    x += <usize>tokens * TAIL;
  }
}

/**
 * As `matmulQ6_K`, the same bits, for a panel of tokens: count is a multiple of 4, at most 32. scratch: see `panel.ts`.
 * The baseline build multiplies weights by their unit's scale once for all tokens.
 */
export function matmulPanelQ6_K(
  w: usize, x: usize, y: usize, paddedRows: i32, columns: i32, count: i32, yStride: i32, scratch: usize,
): void {
  const groupBytes = <usize>(columns >> 8) * 1680;
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
