import { LOW_NIBBLES } from './constants';
import { fetchStrip } from './fetch';
import { twiceLow } from './matmul-q4-k';
import { BLOCK_SUMS, BYTES_RECORD, PANEL, WORDS_RECORD, clearSums, gatherQ8K, moveSums, tailBytes } from './panel';
import { tokenDots, wordDots } from './panel-dots';
import { addBlocks, addBlocksLessFineMinimums, addBlocksLessMinimums } from './panel-ends';
import { Quants, evenPairs, fitsBytes, halfBytes, oddPairs, unpack } from './panel-weights';

/**
 * Panels for weights in blocks of 256 columns. Each kernel gives the bits of the one for single tokens, for a panel of
 * tokens: count is a multiple of 4, at most 32; scratch: see `panel.ts`. A group's block is 8 sub-blocks of quants, the
 * scales of 16 or 32 columns, minimums and the block's scales.
 */

/** Columns that share a scale. */
@inline
function scaleColumns(quants: i32): i32 {
  return quants == Quants.TwoBits || quants == Quants.ThreeBits || quants == Quants.SixBits ? 16 : 32;
}

/** The quant that stands for zero, in a format without minimums. */
@inline
function zeroOf(quants: i32): i32 {
  return quants == Quants.ThreeBits ? 4 : quants == Quants.SixBits ? 32 : 0;
}

@inline
function hasMinimums(quants: i32): bool {
  return quants == Quants.TwoBits || quants == Quants.Nibbles || quants == Quants.FiveBits;
}

/** Scales of 4 rows in i16 lanes, each twice. */
@inline
function scalesAt(quants: i32, p: usize): v128 {
  const scales = v128.load8x8_s(p);
  return twiceLow(quants == Quants.TwoBits ? v128.and(scales, v128.load(LOW_NIBBLES)) : scales);
}

/** One sub-block of 4 rows; x: [tokens] records of bytes. */
@inline
function addBytes(
  quants: i32, q: usize, tops: usize, first: v128, second: v128, x: usize, scratch: usize, tokens: i32,
): void {
  const w0 = unpack(quants, q, tops, 0);
  const w1 = unpack(quants, q, tops, 1);
  const w2 = unpack(quants, q, tops, 2);
  const w3 = unpack(quants, q, tops, 3);
  const w4 = unpack(quants, q, tops, 4);
  const w5 = unpack(quants, q, tops, 5);
  const w6 = unpack(quants, q, tops, 6);
  const w7 = unpack(quants, q, tops, 7);
  let sums = scratch + BLOCK_SUMS;
  const end = sums + (<usize>tokens << 4);
  do {
    let sum = v128.load(sums, 0);
    let dots = tokenDots(quants, x + 0, sums + 0, first, second, w0, w1, w2, w3, w4, w5, w6, w7);
    v128.store(sums, i32x4.add(sum, dots), 0);
    sum = v128.load(sums, 16);
    dots = tokenDots(quants, x + 40, sums + 16, first, second, w0, w1, w2, w3, w4, w5, w6, w7);
    v128.store(sums, i32x4.add(sum, dots), 16);
    sum = v128.load(sums, 32);
    dots = tokenDots(quants, x + 80, sums + 32, first, second, w0, w1, w2, w3, w4, w5, w6, w7);
    v128.store(sums, i32x4.add(sum, dots), 32);
    sum = v128.load(sums, 48);
    dots = tokenDots(quants, x + 120, sums + 48, first, second, w0, w1, w2, w3, w4, w5, w6, w7);
    v128.store(sums, i32x4.add(sum, dots), 48);
    x += 4 * BYTES_RECORD;
    sums += 64;
  } while (sums < end);
}

/** 16 columns of 4 rows, weights times their scale below 2^13; x: [tokens] records of words. */
@inline
function addUnit(
  zero: i32, scales: v128, b0: v128, b1: v128, b2: v128, b3: v128, x: usize, scratch: usize, tokens: i32,
): void {
  const w0 = i16x8.mul(evenPairs(b0, zero), scales);
  const w1 = i16x8.mul(evenPairs(b1, zero), scales);
  const w2 = i16x8.mul(evenPairs(b2, zero), scales);
  const w3 = i16x8.mul(evenPairs(b3, zero), scales);
  const w4 = i16x8.mul(oddPairs(b0, zero), scales);
  const w5 = i16x8.mul(oddPairs(b1, zero), scales);
  const w6 = i16x8.mul(oddPairs(b2, zero), scales);
  const w7 = i16x8.mul(oddPairs(b3, zero), scales);
  let sums = scratch + BLOCK_SUMS;
  const end = sums + (<usize>tokens << 4);
  do {
    v128.store(sums, i32x4.add(v128.load(sums), wordDots(x, w0, w1, w2, w3, w4, w5, w6, w7)));
    v128.store(sums, i32x4.add(v128.load(sums, 16), wordDots(x + 32, w0, w1, w2, w3, w4, w5, w6, w7)), 16);
    v128.store(sums, i32x4.add(v128.load(sums, 32), wordDots(x + 64, w0, w1, w2, w3, w4, w5, w6, w7)), 32);
    v128.store(sums, i32x4.add(v128.load(sums, 48), wordDots(x + 96, w0, w1, w2, w3, w4, w5, w6, w7)), 48);
    x += 4 * WORDS_RECORD;
    sums += 64;
  } while (sums < end);
}

/** One sub-block of 4 rows, both of its units. */
@inline
function addWords(
  quants: i32, q: usize, tops: usize, first: v128, second: v128, x: usize, scratch: usize, tokens: i32,
): void {
  const zero = zeroOf(quants);
  addUnit(
    zero, first, unpack(quants, q, tops, 0), unpack(quants, q, tops, 1),
    unpack(quants, q, tops, 2), unpack(quants, q, tops, 3), x, scratch, tokens,
  );
  addUnit(
    zero, second, unpack(quants, q, tops, 4), unpack(quants, q, tops, 5),
    unpack(quants, q, tops, 6), unpack(quants, q, tops, 7), x + <usize>tokens * WORDS_RECORD, scratch, tokens,
  );
}

/** All blocks of the first (half = 0) or last (half = 1) 4 rows of a group. */
@inline
function multiplyRows(
  quants: i32, subBlockBytes: usize, blockBytes: usize, block: usize, half: usize, end: usize,
  scratch: usize, tokens: i32,
): void {
  let x = scratch + PANEL;
  for (; block < end; block += blockBytes) {
    fetchStrip(block, blockBytes);
    let q = block + halfBytes(quants) * half;
    let tops = block + 64 + 16 * half;
    const scales = block + 8 * subBlockBytes;
    let scale = scales + 4 * half;
    for (let s = 0; s < 8; s++) {
      const first = scalesAt(quants, scale);
      const second = scaleColumns(quants) == 16 ? scalesAt(quants, scale + 8) : first;
      if (fitsBytes(quants)) {
        addBytes(quants, q, tops, first, second, x, scratch, tokens);
        x += <usize>tokens * BYTES_RECORD;
      } else {
        addWords(quants, q, tops, first, second, x, scratch, tokens);
        x += <usize>tokens * (2 * WORDS_RECORD);
      }
      q += subBlockBytes;
      tops += subBlockBytes;
      scale += scaleColumns(quants) == 16 ? 16 : 8;
    }
    const d = block + blockBytes - (hasMinimums(quants) ? 32 : 16) + 8 * half;
    if (quants == Quants.TwoBits) addBlocksLessFineMinimums(scales + 4 * half, d, x, scratch, tokens);
    else if (hasMinimums(quants)) addBlocksLessMinimums(scales + 64 + 8 * half, d, x, scratch, tokens);
    else addBlocks(d, x, scratch, tokens);
    x += <usize>tokens * tailBytes(quants == Quants.TwoBits ? 16 : 32);
  }
}

@inline
function multiplyPanel(
  w: usize, x: usize, y: usize, paddedRows: i32, columns: i32, count: i32, yStride: i32, scratch: usize,
  quants: i32, subBlockBytes: usize, blockBytes: usize,
): void {
  const groupBytes = <usize>(columns >> 8) * blockBytes;
  const rowEnd = y + (<usize>paddedRows << 2);
  gatherQ8K(
    x, scratch + PANEL, columns, count, fitsBytes(quants),
    quants == Quants.ThreeBits ? 3 : 0, quants == Quants.TwoBits ? 16 : 32,
  );
  clearSums(scratch);
  for (; y < rowEnd; y += 32) {
    for (let half: usize = 0; half < 2; half++) {
      multiplyRows(quants, subBlockBytes, blockBytes, w, half, w + groupBytes, scratch, count);
      moveSums(scratch, y + 16 * half, count, yStride);
    }
    w += groupBytes;
  }
}

export function matmulPanelQ2_K(
  w: usize, x: usize, y: usize, paddedRows: i32, columns: i32, count: i32, yStride: i32, scratch: usize,
): void {
  multiplyPanel(w, x, y, paddedRows, columns, count, yStride, scratch, Quants.TwoBits, 64, 672);
}

export function matmulPanelQ3_K(
  w: usize, x: usize, y: usize, paddedRows: i32, columns: i32, count: i32, yStride: i32, scratch: usize,
): void {
  multiplyPanel(w, x, y, paddedRows, columns, count, yStride, scratch, Quants.ThreeBits, 96, 912);
}

export function matmulPanelQ4_K(
  w: usize, x: usize, y: usize, paddedRows: i32, columns: i32, count: i32, yStride: i32, scratch: usize,
): void {
  multiplyPanel(w, x, y, paddedRows, columns, count, yStride, scratch, Quants.Nibbles, 128, 1184);
}

export function matmulPanelQ5_K(
  w: usize, x: usize, y: usize, paddedRows: i32, columns: i32, count: i32, yStride: i32, scratch: usize,
): void {
  multiplyPanel(w, x, y, paddedRows, columns, count, yStride, scratch, Quants.FiveBits, 160, 1440);
}

export function matmulPanelQ6_K(
  w: usize, x: usize, y: usize, paddedRows: i32, columns: i32, count: i32, yStride: i32, scratch: usize,
): void {
  multiplyPanel(w, x, y, paddedRows, columns, count, yStride, scratch, Quants.SixBits, 192, 1680);
}

export function matmulPanelIQ4_XS(
  w: usize, x: usize, y: usize, paddedRows: i32, columns: i32, count: i32, yStride: i32, scratch: usize,
): void {
  multiplyPanel(w, x, y, paddedRows, columns, count, yStride, scratch, Quants.Levels, 128, 1104);
}
