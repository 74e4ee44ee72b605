import { HALF_BITS } from './constants';
import { combine } from './matmul-q4-k';
import { BLOCK_SUMS, tailBytes } from './panel';
import { multiplyAdd, weightScales } from './simd';

/**
 * The ends of blocks of 256 columns: what becomes of the integer sums of 4 rows and all tokens, with the float
 * operations of the kernels for single tokens. x: the tokens' tails.
 */

/** The block's end: adds sum · (d · d_x), d of 4 rows, and leaves block sums of zero. */
@inline
export function addBlocks(d: usize, x: usize, scratch: usize, tokens: i32): void {
  const scales = weightScales(d, v128.load(HALF_BITS));
  const end = scratch + (<usize>tokens << 4);
  do {
    const sum = f32x4.convert_i32x4_s(v128.load(scratch, BLOCK_SUMS));
    v128.store(scratch, i32x4.splat(0), BLOCK_SUMS);
    v128.store(scratch, multiplyAdd(sum, f32x4.mul(scales, v128.load32_splat(x)), v128.load(scratch)));
    x += tailBytes(32);
    scratch += 16;
  } while (scratch < end);
}

/** Minimums of 4 rows, each times a pair of the sums at x: `minimums` of single tokens. */
@inline
function minimumDots(x: usize, m0: v128, m1: v128, m2: v128, m3: v128): v128 {
  let total = i32x4.dot_i16x8_s(m0, v128.load32_splat(x));
  total = i32x4.add(total, i32x4.dot_i16x8_s(m1, v128.load32_splat(x, 4)));
  total = i32x4.add(total, i32x4.dot_i16x8_s(m2, v128.load32_splat(x, 8)));
  return i32x4.add(total, i32x4.dot_i16x8_s(m3, v128.load32_splat(x, 12)));
}

/** As `addBlocks`, with dmin behind d and minimums of 32 columns at m. */
@inline
export function addBlocksLessMinimums(m: usize, d: usize, x: usize, scratch: usize, tokens: i32): void {
  const halfBits = v128.load(HALF_BITS);
  const scales = weightScales(d, halfBits);
  const minScales = weightScales(d + 16, halfBits);
  const m0 = v128.load8x8_u(m);
  const m1 = v128.load8x8_u(m, 16);
  const m2 = v128.load8x8_u(m, 32);
  const m3 = v128.load8x8_u(m, 48);
  const end = scratch + (<usize>tokens << 4);
  do {
    const rows = combine(v128.load(scratch, BLOCK_SUMS), scales, minimumDots(x + 4, m0, m1, m2, m3), minScales);
    v128.store(scratch, i32x4.splat(0), BLOCK_SUMS);
    v128.store(scratch, f32x4.add(v128.load(scratch), f32x4.mul(rows, v128.load32_splat(x))));
    x += tailBytes(32);
    scratch += 16;
  } while (scratch < end);
}

/** i16 pairs of the minimums of two units of 4 rows, in the high nibbles of bytes at m and m + 8. */
@inline
function minimumPairs(m: usize): v128 {
  const first = i16x8.shr_u(v128.load8x8_u(m), 4);
  return v128.or(
    i32x4.extend_low_i16x8_u(first),
    i32x4.shl(i32x4.extend_low_i16x8_u(i16x8.shr_u(v128.load8x8_u(m, 8), 4)), 16),
  );
}

/** As `addBlocks`, with dmin behind d and minimums of 16 columns at m. */
@inline
export function addBlocksLessFineMinimums(m: usize, d: usize, x: usize, scratch: usize, tokens: i32): void {
  const halfBits = v128.load(HALF_BITS);
  const scales = weightScales(d, halfBits);
  const minScales = weightScales(d + 16, halfBits);
  const m0 = minimumPairs(m);
  const m1 = minimumPairs(m + 16);
  const m2 = minimumPairs(m + 32);
  const m3 = minimumPairs(m + 48);
  const m4 = minimumPairs(m + 64);
  const m5 = minimumPairs(m + 80);
  const m6 = minimumPairs(m + 96);
  const m7 = minimumPairs(m + 112);
  const end = scratch + (<usize>tokens << 4);
  do {
    const minimum = i32x4.add(minimumDots(x + 4, m0, m1, m2, m3), minimumDots(x + 20, m4, m5, m6, m7));
    const rows = combine(v128.load(scratch, BLOCK_SUMS), scales, minimum, minScales);
    v128.store(scratch, i32x4.splat(0), BLOCK_SUMS);
    v128.store(scratch, f32x4.add(v128.load(scratch), f32x4.mul(rows, v128.load32_splat(x))));
    x += tailBytes(16);
    scratch += 16;
  } while (scratch < end);
}
