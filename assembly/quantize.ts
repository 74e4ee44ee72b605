import { ROUNDING, ROUNDING_BITS, STREAM_SCALE } from './constants';

/**
 * f32 activations to int8, one scale per block of 32 (`quantizeQ8`) or 256 (`quantizeQ8K`) columns.
 *
 *   scale = absmax / 127, q = x · (127 / absmax) rounded to nearest, ties to even: |q| ≤ 127.
 *
 * Error: |x − scale · q| ≤ scale · (1/2 + 2^-15). A block whose absmax is below 2^-64 becomes zeros; one with
 * an infinity or NaN in it becomes zeros with a NaN for scale, so that whatever it enters shows it.
 * x: f32 [count, columns], columns a multiple of the block.
 */

/** Below it 127 / absmax, and products with the scale, would leave the normal floats. */
const SMALLEST: f32 = 5.421010862427522e-20; // 2^-64
const NAN_BITS: u32 = 0x7fc00000;

/**
 * max |x| of `bytes` bytes of floats, a multiple of 16; NaN if there is one: the bits of positive floats are ordered as
 * they are, with NaN above all.
 */
@inline
export function absoluteMax(x: usize, bytes: usize): f32 {
  let m = i32x4.splat(0);
  for (let j: usize = 0; j < bytes; j += 16) m = i32x4.max_s(m, f32x4.abs(v128.load(x + j)));
  m = i32x4.max_s(m, swapHalves(m));
  return f32x4.extract_lane(i32x4.max_s(m, swapNeighbours(m)), 0);
}

/** 32-bit lanes 2, 3, 0, 1. */
@inline
function swapHalves(v: v128): v128 {
  return i8x16.shuffle(v, v, 8, 9, 10, 11, 12, 13, 14, 15, 0, 1, 2, 3, 4, 5, 6, 7);
}
/** 32-bit lanes 1, 0, 3, 2. */
@inline
function swapNeighbours(v: v128): v128 {
  return i8x16.shuffle(v, v, 4, 5, 6, 7, 0, 1, 2, 3, 12, 13, 14, 15, 8, 9, 10, 11);
}

@inline
function isFinite32(x: f32): bool {
  return x <= f32.MAX_VALUE; // false for NaN too
}

/** absmax / levels, 0 for a block of zeros, NaN for one that is not finite. */
@inline
export function blockScale(absmax: f32, levels: f32): f32 {
  if (!isFinite32(absmax)) return reinterpret<f32>(NAN_BITS);
  return absmax < SMALLEST ? 0 : absmax / levels;
}

/** absmax / 127 · 2^51, 0 for a block of zeros, NaN for one that is not finite. */
@inline
function streamScale(absmax: f32): f32 {
  if (!isFinite32(absmax)) return reinterpret<f32>(NAN_BITS);
  return absmax < SMALLEST ? 0 : (absmax / 127) * STREAM_SCALE;
}

@inline
function round4(x: usize, inverse: v128): v128 {
  const rounded = f32x4.add(f32x4.mul(v128.load(x), inverse), f32x4.splat(ROUNDING));
  return i32x4.sub(rounded, i32x4.splat(ROUNDING_BITS));
}

/** 16 floats to 16 int8. */
@inline
function round16(x: usize, inverse: v128): v128 {
  return i8x16.narrow_i16x8_s(
    i16x8.narrow_i32x4_s(round4(x, inverse), round4(x + 16, inverse)),
    i16x8.narrow_i32x4_s(round4(x + 32, inverse), round4(x + 48, inverse)),
  );
}

/** Whether a block has a scale that is neither 0 nor NaN. */
@inline
export function isUsable(absmax: f32): bool {
  return isFinite32(absmax) && absmax >= SMALLEST;
}

/**
 * For weights in blocks of 32. out: per token columns/32 blocks of 64 bytes:
 * int8 q[32] | f32 scale · 2^51, four times | i32 8 · Σq, four times (what Q4_0's offset of 8 takes off a
 * row; the others take theirs, and Σq for a minimum, from it by shifts).
 */
export function quantizeQ8(x: usize, out: usize, columns: i32, count: i32): void {
  const end = x + ((<usize>columns * <usize>count) << 2);
  while (x < end) {
    const absmax = absoluteMax(x, 128);
    let low = i32x4.splat(0);
    let high = low;
    if (isUsable(absmax)) {
      const inverse = f32x4.splat(127 / absmax);
      low = round16(x, inverse);
      high = round16(x + 64, inverse);
    }
    v128.store(out, low);
    v128.store(out, high, 16);
    v128.store(out, f32x4.splat(streamScale(absmax)), 32);
    const pairs = i16x8.add(i16x8.extadd_pairwise_i8x16_s(low), i16x8.extadd_pairwise_i8x16_s(high));
    let sum = i32x4.extadd_pairwise_i16x8_s(pairs);
    sum = i32x4.add(sum, swapHalves(sum));
    sum = i32x4.add(sum, swapNeighbours(sum));
    v128.store(out, i32x4.shl(sum, 3), 48);
    x += 128;
    out += 64;
  }
}

/**
 * For weights in blocks of 256. out: per token columns/256 blocks of 352 bytes: int8 q[256] | i16 Σq of each
 * 32 columns [8] | f32 scale · 2^51, four times | per 16 columns two i16: −32 · Σq of columns k ≡ 0, 1 and
 * k ≡ 2, 3 (mod 4), which is what Q6_K's offset of 32 takes off the two i16 lanes of a row, and others' by shifts.
 */
export function quantizeQ8K(x: usize, out: usize, columns: i32, count: i32): void {
  const end = x + ((<usize>columns * <usize>count) << 2);
  while (x < end) {
    const absmax = absoluteMax(x, 1024);
    const usable = isUsable(absmax);
    const inverse = f32x4.splat(usable ? 127 / absmax : 0);
    let previous = 0;
    for (let unit: usize = 0; unit < 16; unit++) {
      const q = usable ? round16(x + (unit << 6), inverse) : i32x4.splat(0);
      v128.store(out + (unit << 4), q);
      let pairs = i16x8.extadd_pairwise_i8x16_s(q); // even lanes: k ≡ 0, 1; odd lanes: k ≡ 2, 3
      pairs = i16x8.add(pairs, swapHalves(pairs));
      pairs = i16x8.add(pairs, swapNeighbours(pairs));
      v128.store32_lane(out + (unit << 2), i16x8.shl(i16x8.neg(pairs), 5), 0, 288);
      const sum = i32x4.extract_lane(i32x4.extadd_pairwise_i16x8_s(pairs), 0);
      if (unit & 1) store<i16>(out + (unit & ~1), <i16>(previous + sum), 256);
      previous = sum;
    }
    v128.store(out, f32x4.splat(streamScale(absmax)), 272);
    x += 1024;
    out += 352;
  }
}
