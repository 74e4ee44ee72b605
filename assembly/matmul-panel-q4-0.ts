import { HALF_BITS, LOW_NIBBLES, NIBBLES, ONES } from './constants';
import {
  BYTES_RECORD,
  EVEN_ODD,
  PANEL,
  WORDS_RECORD,
  clearSums,
  gatherBytesQ8,
  gatherWordsQ8,
  moveSums,
} from './panel';
import { addBlocks, addWords, byteDots } from './panel-dots';
import { multiplyAdd, weightScales } from './simd';

/** One token's block: sum + (w · x − offset) · (wScale · xScale); x: a record of bytes. */
@inline
function addToken(
  x: usize, sum: usize, scale: v128, ones: v128,
  w0: v128, w1: v128, w2: v128, w3: v128, w4: v128, w5: v128, w6: v128, w7: v128,
): void {
  const halves = byteDots(x, w0, w1, w2, w3, w4, w5, w6, w7);
  const whole = i32x4.sub(i32x4.dot_i16x8_s(halves, ones), v128.load32_splat(x, 36));
  const scales = f32x4.mul(scale, v128.load32_splat(x, 32));
  v128.store(sum, multiplyAdd(f32x4.convert_i32x4_s(whole), scales, v128.load(sum)));
}

/** One block of 4 rows: nibbles at q, scales at `scale`. */
@inline
function blockOfBytes(q: usize, scale: usize, x: usize, scratch: usize, tokens: i32): void {
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
  const scales = weightScales(scale, v128.load(HALF_BITS));
  const ones = v128.load(ONES);
  const end = scratch + (<usize>tokens << 4);
  do {
    addToken(x, scratch, scales, ones, w0, w1, w2, w3, w4, w5, w6, w7);
    addToken(x + 40, scratch + 16, scales, ones, w0, w1, w2, w3, w4, w5, w6, w7);
    addToken(x + 80, scratch + 32, scales, ones, w0, w1, w2, w3, w4, w5, w6, w7);
    addToken(x + 120, scratch + 48, scales, ones, w0, w1, w2, w3, w4, w5, w6, w7);
    x += 4 * BYTES_RECORD;
    scratch += 64;
  } while (scratch < end);
}

/** One nibble of each i16 lane as (nibble − minus) · times. */
@inline
function nibblePairs(q: v128, shift: i32, minus: i16, times: v128): v128 {
  const nibbles = v128.and(i16x8.shr_u(q, shift), v128.load(LOW_NIBBLES));
  return i16x8.mul(i16x8.sub(nibbles, i16x8.splat(minus)), times);
}

/**
 * 16 columns of 4 rows, in the low nibbles (first = 0) or the high ones (first = 4) of 64 bytes at q: weights
 * (nibble − minus) · times meet all tokens. Even columns are 8 bits below odd ones, hence EVEN_ODD.
 */
@inline
export function addNibbleWords(
  q: usize, first: i32, minus: i16, times: v128, x: usize, scratch: usize, tokens: i32,
): void {
  const q0 = v128.load(q);
  const q1 = v128.load(q, 16);
  const q2 = v128.load(q, 32);
  const q3 = v128.load(q, 48);
  const odd = first + 8;
  addWords(
    x, scratch, tokens,
    nibblePairs(q0, first, minus, times), nibblePairs(q1, first, minus, times),
    nibblePairs(q2, first, minus, times), nibblePairs(q3, first, minus, times),
    nibblePairs(q0, odd, minus, times), nibblePairs(q1, odd, minus, times),
    nibblePairs(q2, odd, minus, times), nibblePairs(q3, odd, minus, times),
  );
}

@inline
function blockOfWords(q: usize, scale: usize, x: usize, scratch: usize, tokens: i32): void {
  const unitBytes = <usize>tokens * WORDS_RECORD;
  const ones = v128.load(ONES);
  addNibbleWords(q, 0, 8, ones, x, scratch, tokens);
  addNibbleWords(q, 4, 8, ones, x + unitBytes, scratch, tokens);
  addBlocks(x + 2 * unitBytes, 4, weightScales(scale, v128.load(HALF_BITS)), scratch, tokens);
}

/** All blocks of 4 rows: their nibbles begin at q, their scales at `scale`. */
@inline
function multiplyRows(q: usize, scale: usize, end: usize, scratch: usize, tokens: i32): void {
  let x = scratch + PANEL;
  const xBytes = <usize>tokens * (RELAXED ? BYTES_RECORD : 2 * WORDS_RECORD + 4);
  while (scale < end) {
    if (RELAXED) blockOfBytes(q, scale, x, scratch, tokens);
    else blockOfWords(q, scale, x, scratch, tokens);
    q += 144;
    scale += 144;
    x += xBytes;
  }
}

/**
 * As `matmulQ4_0`, the same bits, for a panel of tokens: count is a multiple of 4, at most 32. scratch: see `panel.ts`.
 * A block's sum is Σ q_w · q_x − 8 · Σ q_x in the relaxed build, Σ (q_w − 8) · q_x in the baseline build.
 */
export function matmulPanelQ4_0(
  w: usize, x: usize, y: usize, paddedRows: i32, columns: i32, count: i32, yStride: i32, scratch: usize,
): void {
  const groupBytes = <usize>(columns >> 5) * 144;
  const rowEnd = y + (<usize>paddedRows << 2);
  if (RELAXED) gatherBytesQ8(x, scratch + PANEL, columns, count);
  else gatherWordsQ8(x, scratch + PANEL, columns, count, EVEN_ODD);
  clearSums(scratch);
  for (; y < rowEnd; y += 32) {
    const groupEnd = w + groupBytes;
    for (let half: usize = 0; half < 2; half++) {
      multiplyRows(w + 64 * half, w + 128 + 8 * half, groupEnd, scratch, count);
      moveSums(scratch, y + 16 * half, count, yStride, 1);
    }
    w = groupEnd;
  }
}
