import { HALF_BITS, ROUNDING, ROUNDING_BITS, STREAM_SCALE } from './constants';
import { highWords, listed, lowWords } from './rows';
import { weightScales } from './simd';

/**
 * A sum of rows, y = Σ values[i] · row list[i], in integers: what a block of a row is multiplied by, its scale times the
 * row's value, is rounded to 16 bits at one scale for all rows and blocks. Integer sums have no order, so rows whose
 * value is 0 can be left out without changing a bit. A factor's error is at most 2^-16 of the largest factor.
 */
const LEVELS: f32 = 32767;
/** Below it a factor's inverse would leave the normal floats. */
const SMALLEST: f32 = 7.70371977754894341222e-34; // 2^-110

/** Bytes for what `factorPairs` leaves. */
@inline
export function totalBytes(columns: i32): usize {
  return <usize>((columns + 127) >> 7) << 4;
}

@inline
function valueAt(values: usize, length: i32, i: i32): v128 {
  return f32x4.splat(i < length ? load<f32>(values + (<usize>i << 2)) * STREAM_SCALE : 0);
}

/**
 * The largest |value · scale| of the listed rows / 32767, times 2^-51; 0 if it is too small to count, and NaN or infinite
 * if one of them is.
 */
@inline
export function factorScale(
  scales: usize, list: usize, length: i32, values: usize, stride: usize, scaleLength: usize,
): f32 {
  const bits = v128.load(HALF_BITS);
  let largest = i32x4.splat(0);
  // Rows lie far apart: all their scales are asked for before the first is computed on, see `fetch.ts`.
  for (let i = 0; i < length; i++) {
    const row = scales + listed(list, length, i) * stride;
    for (let at: usize = 0; at < scaleLength; at += 64) load<u8>(row + at);
  }
  for (let i = 0; i < length; i++) {
    const row = scales + listed(list, length, i) * stride;
    let most = i32x4.splat(0);
    for (let at: usize = 0; at < scaleLength; at += 8) {
      most = i32x4.max_s(most, f32x4.abs(weightScales(row + at, bits)));
    }
    // Magnitudes are ordered as their bits are, with NaN above all.
    largest = i32x4.max_s(largest, f32x4.abs(f32x4.mul(most, valueAt(values, length, i))));
  }
  const a = max(i32x4.extract_lane(largest, 0), i32x4.extract_lane(largest, 1));
  const b = max(i32x4.extract_lane(largest, 2), i32x4.extract_lane(largest, 3));
  const most = reinterpret<f32>(max(a, b));
  return most < SMALLEST ? 0 : most / LEVELS;
}

/**
 * Factors of two rows, i and i + 1 of the list, as pairs of i16, a pair every 8 bytes; behind the list's end they are 0.
 * Adds both to i32 totals of each block.
 */
@inline
export function factorPairs(
  a: usize, b: usize, values: usize, length: i32, i: i32, scale: f32, totals: usize, pairs: usize,
  scaleLength: usize,
): void {
  const bits = v128.load(HALF_BITS);
  const inverse = f32x4.splat(<f32>1 / scale);
  const aValue = valueAt(values, length, i);
  const bValue = valueAt(values, length, i + 1);
  const rounding = f32x4.splat(ROUNDING);
  const low = i32x4.splat(0xffff);
  for (let at: usize = 0; at < scaleLength; at += 8) {
    const p = f32x4.add(f32x4.mul(f32x4.mul(weightScales(a + at, bits), aValue), inverse), rounding);
    const q = f32x4.add(f32x4.mul(f32x4.mul(weightScales(b + at, bits), bValue), inverse), rounding);
    const both = i32x4.sub(i32x4.add(p, q), i32x4.splat(2 * ROUNDING_BITS));
    v128.store(totals, i32x4.add(v128.load(totals), both));
    const pair = v128.or(v128.and(p, low), i32x4.shl(q, 16));
    v128.store32_lane(pairs, pair, 0);
    v128.store32_lane(pairs, pair, 1, 8);
    v128.store32_lane(pairs, pair, 2, 16);
    v128.store32_lane(pairs, pair, 3, 24);
    totals += 16;
    pairs += 32;
  }
}

/** 16-bit lanes a0 b0 a1 b1 a2 b2 a3 b3, and those behind: two rows side by side, as the products want them. */
@inline
export function lowLanes(a: v128, b: v128): v128 {
  return i8x16.shuffle(a, b, 0, 1, 16, 17, 2, 3, 18, 19, 4, 5, 20, 21, 6, 7, 22, 23);
}
@inline
export function highLanes(a: v128, b: v128): v128 {
  return i8x16.shuffle(a, b, 8, 9, 24, 25, 10, 11, 26, 27, 12, 13, 28, 29, 14, 15, 30, 31);
}

/**
 * In place, integer sums to floats: a block's come as four times 4 even and 4 odd columns. From each goes `offset` times
 * its block's total. Rounds once to f32 and once in the product.
 */
@inline
export function sumsToFloats(y: usize, totals: usize, columns: i32, offset: i32, scale: f32): void {
  const scales = f32x4.splat(scale * STREAM_SCALE);
  const end = y + (<usize>columns << 2);
  while (y < end) {
    const less = i32x4.splat(load<i32>(totals) * offset);
    for (const blockEnd = y + 128; y < blockEnd; y += 32) {
      const even = f32x4.mul(f32x4.convert_i32x4_s(i32x4.sub(v128.load(y), less)), scales);
      const odd = f32x4.mul(f32x4.convert_i32x4_s(i32x4.sub(v128.load(y, 16), less)), scales);
      v128.store(y, lowWords(even, odd));
      v128.store(y, highWords(even, odd), 16);
    }
    totals += 4;
  }
}
