import { HALF_BITS } from './constants';
import { fetchStrip } from './fetch';
import { multiplyAdd, weightScales } from './simd';

/** What a packed half lacks when moved into a float: 2^102, see `weightScales`. */
export const HALF_FACTOR: f32 = 5070602400912917605986812821504.0;

/** Bytes of weights that are fetched at once: 64 columns of 8 rows of 16 bits. */
export const STRIP: usize = 1024;

/** What stands for the two kinds of 16 bits: a float's upper half, and a packed half. */
export type BFloat16 = i16;
export type PackedHalf = u16;

/** Four rows of one column. */
@inline
export function weights<T>(w: usize, halfBits: v128, factor: v128): v128 {
  if (sizeof<T>() == 4) return v128.load(w);
  if (isSigned<T>()) return i32x4.shl(v128.load16x4_u(w), 16);
  return f32x4.mul(weightScales(w, halfBits), factor);
}

/** One group of 8 rows times one token. Even and odd columns are summed apart: two chains of additions. */
@inline
function groupTimesToken<T>(
  w: usize, x: usize, out: usize, columns: i32, halfBits: v128, factor: v128,
): void {
  let evenLow = f32x4.splat(0);
  let evenHigh = evenLow;
  let oddLow = evenLow;
  let oddHigh = evenLow;
  const pairsEnd = x + (<usize>(columns & ~1) << 2);
  while (x < pairsEnd) {
    fetchStrip(w, STRIP);
    const stripEnd = min(x + STRIP / (2 * sizeof<T>()), pairsEnd);
    do {
      let value = v128.load32_splat(x);
      evenLow = multiplyAdd(weights<T>(w, halfBits, factor), value, evenLow);
      evenHigh = multiplyAdd(weights<T>(w + 4 * sizeof<T>(), halfBits, factor), value, evenHigh);
      value = v128.load32_splat(x, 4);
      oddLow = multiplyAdd(weights<T>(w + 8 * sizeof<T>(), halfBits, factor), value, oddLow);
      oddHigh = multiplyAdd(weights<T>(w + 12 * sizeof<T>(), halfBits, factor), value, oddHigh);
      w += 16 * sizeof<T>();
      x += 8;
    } while (x < stripEnd);
  }
  if (columns & 1) {
    const value = v128.load32_splat(x);
    evenLow = multiplyAdd(weights<T>(w, halfBits, factor), value, evenLow);
    evenHigh = multiplyAdd(weights<T>(w + 4 * sizeof<T>(), halfBits, factor), value, evenHigh);
  }
  v128.store(out, f32x4.add(evenLow, oddLow));
  v128.store(out, f32x4.add(evenHigh, oddHigh), 16);
}

/** The same for two tokens, each in its own sums: weights are loaded and decoded once. */
@inline
function groupTimesTwoTokens<T>(
  w: usize, x: usize, z: usize, xOut: usize, zOut: usize, columns: i32, halfBits: v128, factor: v128,
): void {
  let xEvenLow = f32x4.splat(0);
  let xEvenHigh = xEvenLow;
  let xOddLow = xEvenLow;
  let xOddHigh = xEvenLow;
  let zEvenLow = xEvenLow;
  let zEvenHigh = xEvenLow;
  let zOddLow = xEvenLow;
  let zOddHigh = xEvenLow;
  const pairsEnd = x + (<usize>(columns & ~1) << 2);
  while (x < pairsEnd) {
    fetchStrip(w, STRIP);
    const stripEnd = min(x + STRIP / (2 * sizeof<T>()), pairsEnd);
    do {
      let low = weights<T>(w, halfBits, factor);
      let high = weights<T>(w + 4 * sizeof<T>(), halfBits, factor);
      xEvenLow = multiplyAdd(low, v128.load32_splat(x), xEvenLow);
      xEvenHigh = multiplyAdd(high, v128.load32_splat(x), xEvenHigh);
      zEvenLow = multiplyAdd(low, v128.load32_splat(z), zEvenLow);
      zEvenHigh = multiplyAdd(high, v128.load32_splat(z), zEvenHigh);
      v128.store(xOut, xEvenLow); // a barrier for V8's scheduler, see `nibbleRows`
      low = weights<T>(w + 8 * sizeof<T>(), halfBits, factor);
      high = weights<T>(w + 12 * sizeof<T>(), halfBits, factor);
      xOddLow = multiplyAdd(low, v128.load32_splat(x, 4), xOddLow);
      xOddHigh = multiplyAdd(high, v128.load32_splat(x, 4), xOddHigh);
      zOddLow = multiplyAdd(low, v128.load32_splat(z, 4), zOddLow);
      zOddHigh = multiplyAdd(high, v128.load32_splat(z, 4), zOddHigh);
      w += 16 * sizeof<T>();
      x += 8;
      z += 8;
    } while (x < stripEnd);
  }
  if (columns & 1) {
    const low = weights<T>(w, halfBits, factor);
    const high = weights<T>(w + 4 * sizeof<T>(), halfBits, factor);
    xEvenLow = multiplyAdd(low, v128.load32_splat(x), xEvenLow);
    xEvenHigh = multiplyAdd(high, v128.load32_splat(x), xEvenHigh);
    zEvenLow = multiplyAdd(low, v128.load32_splat(z), zEvenLow);
    zEvenHigh = multiplyAdd(high, v128.load32_splat(z), zEvenHigh);
  }
  v128.store(xOut, f32x4.add(xEvenLow, xOddLow));
  v128.store(xOut, f32x4.add(xEvenHigh, xOddHigh), 16);
  v128.store(zOut, f32x4.add(zEvenLow, zOddLow));
  v128.store(zOut, f32x4.add(zEvenHigh, zOddHigh), 16);
}

@inline
function matmulFloat<T>(
  w: usize, x: usize, y: usize, paddedRows: i32, columns: i32, count: i32, yStride: i32,
): void {
  const groupBytes = <usize>columns * 8 * sizeof<T>();
  const tokenBytes = <usize>columns << 2;
  const outBytes = <usize>yStride << 2;
  const halfBits = v128.load(HALF_BITS);
  const factor = f32x4.splat(HALF_FACTOR);
  const rowEnd = y + (<usize>paddedRows << 2);
  while (y < rowEnd) {
    let token = x;
    let out = y;
    let t = 0;
    for (; t + 2 <= count; t += 2) {
      groupTimesTwoTokens<T>(
        w, token, token + tokenBytes, out, out + outBytes, columns, halfBits, factor,
      );
      token += 2 * tokenBytes;
      out += 2 * outBytes;
    }
    if (t < count) groupTimesToken<T>(w, token, out, columns, halfBits, factor);
    w += groupBytes;
    y += 32;
  }
}

/**
 * y[t, r] = (Σ over even columns, in order) + (Σ over odd columns, in order), in f32.
 *
 * w: [paddedRows/8, columns] × 8 rows of f32. x: f32 [count, columns]. y: as in `matmulQ4_0`. Any number of
 * columns. Error: at most (columns/2 + 2) · 2^-24 · Σ |w·x|.
 */
export function matmulF32(
  w: usize, x: usize, y: usize, paddedRows: i32, columns: i32, count: i32, yStride: i32,
): void {
  matmulFloat<f32>(w, x, y, paddedRows, columns, count, yStride);
}

/** As `matmulF32`, w: [paddedRows/8, columns] × 8 rows of packed halves (see `weightScales`). */
export function matmulF16(
  w: usize, x: usize, y: usize, paddedRows: i32, columns: i32, count: i32, yStride: i32,
): void {
  matmulFloat<PackedHalf>(w, x, y, paddedRows, columns, count, yStride);
}

/** As `matmulF32`, w: [paddedRows/8, columns] × 8 rows of bfloat16, the upper halves of f32. */
export function matmulBF16(
  w: usize, x: usize, y: usize, paddedRows: i32, columns: i32, count: i32, yStride: i32,
): void {
  matmulFloat<BFloat16>(w, x, y, paddedRows, columns, count, yStride);
}
