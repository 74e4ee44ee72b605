import { HALF_BITS, ONES } from './constants';
import { scaleAndShift } from './matmul-q4-1';
import {
  BLOCK_SUMS,
  BYTES_RECORD,
  EVEN_ODD,
  NEIGHBOURS,
  PANEL,
  WORDS_RECORD,
  clearSums,
  gatherBytesQ8,
  gatherWordsQ8,
  moveSums,
} from './panel';
import { tokenDots, wordDots } from './panel-dots';
import { Quants, evenPairs, fitsBytes, halfBytes, oddPairs, unpack } from './panel-weights';
import { multiplyAdd, weightScales } from './simd';

/**
 * Panels for weights in blocks of 32 columns. Each kernel gives the bits of the one for single tokens, for a panel of
 * tokens: count is a multiple of 4, at most 32; scratch: see `panel.ts`.
 */

/** The quant that stands for zero: taken off weights that are words, and off the sums of bytes. */
@inline
function zeroOf(quants: i32, minimum: bool): i32 {
  if (minimum) return 0;
  return quants == Quants.Nibbles ? 8 : quants == Quants.FiveBits ? 16 : 0;
}

/** Bytes of a group's block: quants, scales, and minimums where there are any. */
@inline
function groupBlockBytes(quants: i32, minimum: bool): usize {
  const scaleBytes: usize = minimum ? 32 : 16;
  return 2 * halfBytes(quants) + scaleBytes;
}

/** Adds a block to a token's f32 sums; d, m: scales and minimums of 4 rows; x: the token's scale and column sum. */
@inline
function addBlock(whole: v128, zero: i32, minimum: bool, d: v128, m: v128, x: usize, sum: usize): void {
  const xScale = v128.load32_splat(x);
  if (minimum) {
    const rows = scaleAndShift(whole, d, v128.load32_splat(x, 4), m);
    v128.store(sum, multiplyAdd(rows, xScale, v128.load(sum)));
    return;
  }
  let product = f32x4.convert_i32x4_s(whole);
  // Both below 2^24, so the difference is exact.
  if (zero != 0) product = f32x4.sub(product, v128.load32_splat(x, 4));
  v128.store(sum, multiplyAdd(product, f32x4.mul(d, xScale), v128.load(sum)));
}

/** One token; x: a record of bytes. */
@inline
function addToken(
  quants: i32, zero: i32, minimum: bool, x: usize, sum: usize, d: v128, m: v128, ones: v128,
  w0: v128, w1: v128, w2: v128, w3: v128, w4: v128, w5: v128, w6: v128, w7: v128,
): void {
  const whole = tokenDots(quants, x, sum + BLOCK_SUMS, ones, ones, w0, w1, w2, w3, w4, w5, w6, w7);
  addBlock(whole, zero, minimum, d, m, x + 32, sum);
}

/** One block of 4 rows: quants at q, scales at `scale`. */
@inline
function blockOfBytes(
  quants: i32, zero: i32, minimum: bool, q: usize, scale: usize, x: usize, scratch: usize, tokens: i32,
): void {
  const w0 = unpack(quants, q, 0, 0);
  const w1 = unpack(quants, q, 0, 1);
  const w2 = unpack(quants, q, 0, 2);
  const w3 = unpack(quants, q, 0, 3);
  const w4 = unpack(quants, q, 0, 4);
  const w5 = unpack(quants, q, 0, 5);
  const w6 = unpack(quants, q, 0, 6);
  const w7 = unpack(quants, q, 0, 7);
  const halfBits = v128.load(HALF_BITS);
  const d = weightScales(scale, halfBits);
  const m = minimum ? weightScales(scale + 16, halfBits) : d;
  const ones = v128.load(ONES);
  const end = scratch + (<usize>tokens << 4);
  do {
    addToken(quants, zero, minimum, x, scratch, d, m, ones, w0, w1, w2, w3, w4, w5, w6, w7);
    addToken(quants, zero, minimum, x + 40, scratch + 16, d, m, ones, w0, w1, w2, w3, w4, w5, w6, w7);
    addToken(quants, zero, minimum, x + 80, scratch + 32, d, m, ones, w0, w1, w2, w3, w4, w5, w6, w7);
    addToken(quants, zero, minimum, x + 120, scratch + 48, d, m, ones, w0, w1, w2, w3, w4, w5, w6, w7);
    x += 4 * BYTES_RECORD;
    scratch += 64;
  } while (scratch < end);
}

/** The first 16 columns of a block: leaves the sums of all tokens at BLOCK_SUMS. */
@inline
function firstWords(zero: i32, b0: v128, b1: v128, b2: v128, b3: v128, x: usize, scratch: usize, tokens: i32): void {
  const w0 = evenPairs(b0, zero);
  const w1 = evenPairs(b1, zero);
  const w2 = evenPairs(b2, zero);
  const w3 = evenPairs(b3, zero);
  const w4 = oddPairs(b0, zero);
  const w5 = oddPairs(b1, zero);
  const w6 = oddPairs(b2, zero);
  const w7 = oddPairs(b3, zero);
  const end = scratch + (<usize>tokens << 4);
  do {
    v128.store(scratch, wordDots(x, w0, w1, w2, w3, w4, w5, w6, w7), BLOCK_SUMS);
    v128.store(scratch, wordDots(x + 32, w0, w1, w2, w3, w4, w5, w6, w7), BLOCK_SUMS + 16);
    v128.store(scratch, wordDots(x + 64, w0, w1, w2, w3, w4, w5, w6, w7), BLOCK_SUMS + 32);
    v128.store(scratch, wordDots(x + 96, w0, w1, w2, w3, w4, w5, w6, w7), BLOCK_SUMS + 48);
    x += 4 * WORDS_RECORD;
    scratch += 64;
  } while (scratch < end);
}

/** The other 16, and the block's end. */
@inline
function lastWords(
  zero: i32, minimum: bool, b0: v128, b1: v128, b2: v128, b3: v128, scale: usize, x: usize, scratch: usize, tokens: i32,
): void {
  const w0 = evenPairs(b0, zero);
  const w1 = evenPairs(b1, zero);
  const w2 = evenPairs(b2, zero);
  const w3 = evenPairs(b3, zero);
  const w4 = oddPairs(b0, zero);
  const w5 = oddPairs(b1, zero);
  const w6 = oddPairs(b2, zero);
  const w7 = oddPairs(b3, zero);
  const halfBits = v128.load(HALF_BITS);
  const d = weightScales(scale, halfBits);
  const m = minimum ? weightScales(scale + 16, halfBits) : d;
  let tail = x + <usize>tokens * WORDS_RECORD;
  const end = scratch + (<usize>tokens << 4);
  do {
    const whole = i32x4.add(v128.load(scratch, BLOCK_SUMS), wordDots(x, w0, w1, w2, w3, w4, w5, w6, w7));
    addBlock(whole, 0, minimum, d, m, tail, scratch);
    x += WORDS_RECORD;
    tail += 8;
    scratch += 16;
  } while (scratch < end);
}

/** One block of 4 rows: quants at q, scales at `scale`. */
@inline
function blockOfWords(
  quants: i32, zero: i32, minimum: bool, q: usize, scale: usize, x: usize, scratch: usize, tokens: i32,
): void {
  firstWords(
    zero, unpack(quants, q, 0, 0), unpack(quants, q, 0, 1), unpack(quants, q, 0, 2), unpack(quants, q, 0, 3),
    x, scratch, tokens,
  );
  lastWords(
    zero, minimum, unpack(quants, q, 0, 4), unpack(quants, q, 0, 5), unpack(quants, q, 0, 6), unpack(quants, q, 0, 7),
    scale, x + <usize>tokens * WORDS_RECORD, scratch, tokens,
  );
}

/** All blocks of the first (half = 0) or last (half = 1) 4 rows of a group. */
@inline
function multiplyRows(
  quants: i32, minimum: bool, w: usize, half: usize, end: usize, scratch: usize, tokens: i32,
): void {
  const zero = zeroOf(quants, minimum);
  const quantBytes = halfBytes(quants);
  let x = scratch + PANEL;
  for (; w < end; w += groupBlockBytes(quants, minimum)) {
    const q = w + quantBytes * half;
    const scale = w + 2 * quantBytes + 8 * half;
    if (fitsBytes(quants)) {
      blockOfBytes(quants, zero, minimum, q, scale, x, scratch, tokens);
      x += <usize>tokens * BYTES_RECORD;
    } else {
      blockOfWords(quants, zero, minimum, q, scale, x, scratch, tokens);
      x += <usize>tokens * (2 * WORDS_RECORD + 8);
    }
  }
}

@inline
function multiplyPanel(
  w: usize, x: usize, y: usize, paddedRows: i32, columns: i32, count: i32, yStride: i32, scratch: usize,
  quants: i32, minimum: bool,
): void {
  const groupBytes = <usize>(columns >> 5) * groupBlockBytes(quants, minimum);
  const rowEnd = y + (<usize>paddedRows << 2);
  if (fitsBytes(quants)) gatherBytesQ8(x, scratch + PANEL, columns, count, minimum ? 1 : zeroOf(quants, minimum));
  else gatherWordsQ8(x, scratch + PANEL, columns, count, quants == Quants.Bytes ? NEIGHBOURS : EVEN_ODD);
  clearSums(scratch);
  for (; y < rowEnd; y += 32) {
    for (let half: usize = 0; half < 2; half++) {
      multiplyRows(quants, minimum, w, half, w + groupBytes, scratch, count);
      moveSums(scratch, y + 16 * half, count, yStride);
    }
    w += groupBytes;
  }
}

export function matmulPanelQ4_0(
  w: usize, x: usize, y: usize, paddedRows: i32, columns: i32, count: i32, yStride: i32, scratch: usize,
): void {
  multiplyPanel(w, x, y, paddedRows, columns, count, yStride, scratch, Quants.Nibbles, false);
}

export function matmulPanelQ4_1(
  w: usize, x: usize, y: usize, paddedRows: i32, columns: i32, count: i32, yStride: i32, scratch: usize,
): void {
  multiplyPanel(w, x, y, paddedRows, columns, count, yStride, scratch, Quants.Nibbles, true);
}

export function matmulPanelQ5_0(
  w: usize, x: usize, y: usize, paddedRows: i32, columns: i32, count: i32, yStride: i32, scratch: usize,
): void {
  multiplyPanel(w, x, y, paddedRows, columns, count, yStride, scratch, Quants.FiveBits, false);
}

export function matmulPanelQ5_1(
  w: usize, x: usize, y: usize, paddedRows: i32, columns: i32, count: i32, yStride: i32, scratch: usize,
): void {
  multiplyPanel(w, x, y, paddedRows, columns, count, yStride, scratch, Quants.FiveBits, true);
}

export function matmulPanelQ8_0(
  w: usize, x: usize, y: usize, paddedRows: i32, columns: i32, count: i32, yStride: i32, scratch: usize,
): void {
  multiplyPanel(w, x, y, paddedRows, columns, count, yStride, scratch, Quants.Bytes, false);
}

export function matmulPanelIQ4_NL(
  w: usize, x: usize, y: usize, paddedRows: i32, columns: i32, count: i32, yStride: i32, scratch: usize,
): void {
  multiplyPanel(w, x, y, paddedRows, columns, count, yStride, scratch, Quants.Levels, false);
}
