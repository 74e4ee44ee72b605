import { HALF_BITS } from './constants';
import { multiplyAdd, weightScalesHigh, weightScalesLow } from './simd';

/** What a packed half lacks when moved into a float: 2^102, see `weightScalesLow`. */
const HALF_FACTOR: f32 = 5070602400912917605986812821504.0;

/** Rows 0–3 (4–7) of one column. */
@inline
function weightsLow<T>(w: usize, halfBits: v128, factor: v128): v128 {
  if (sizeof<T>() == 4) return v128.load(w);
  return f32x4.mul(weightScalesLow(v128.load(w), halfBits), factor);
}
@inline
function weightsHigh<T>(w: usize, halfBits: v128, factor: v128): v128 {
  if (sizeof<T>() == 4) return v128.load(w, 16);
  return f32x4.mul(weightScalesHigh(v128.load(w), halfBits), factor);
}

/** One group of 8 rows times one token. Even and odd columns are summed apart: two chains of additions. */
@inline
function groupTimesToken<T>(w: usize, x: usize, out: usize, columns: i32, halfBits: v128, factor: v128): void {
  let evenLow = f32x4.splat(0);
  let evenHigh = evenLow;
  let oddLow = evenLow;
  let oddHigh = evenLow;
  const pairsEnd = x + (<usize>(columns & ~1) << 2);
  while (x < pairsEnd) {
    let value = v128.load32_splat(x);
    evenLow = multiplyAdd(weightsLow<T>(w, halfBits, factor), value, evenLow);
    evenHigh = multiplyAdd(weightsHigh<T>(w, halfBits, factor), value, evenHigh);
    value = v128.load32_splat(x, 4);
    oddLow = multiplyAdd(weightsLow<T>(w + 8 * sizeof<T>(), halfBits, factor), value, oddLow);
    oddHigh = multiplyAdd(weightsHigh<T>(w + 8 * sizeof<T>(), halfBits, factor), value, oddHigh);
    w += 16 * sizeof<T>();
    x += 8;
  }
  if (columns & 1) {
    const value = v128.load32_splat(x);
    evenLow = multiplyAdd(weightsLow<T>(w, halfBits, factor), value, evenLow);
    evenHigh = multiplyAdd(weightsHigh<T>(w, halfBits, factor), value, evenHigh);
  }
  v128.store(out, f32x4.add(evenLow, oddLow));
  v128.store(out, f32x4.add(evenHigh, oddHigh), 16);
}

@inline
function matmulFloat<T>(
  w: usize, x: usize, y: usize, paddedRows: i32, columns: i32, count: i32, yStride: i32,
): void {
  const groupBytes = <usize>columns * 8 * sizeof<T>();
  const halfBits = v128.load(HALF_BITS);
  const factor = f32x4.splat(HALF_FACTOR);
  const rowEnd = y + (<usize>paddedRows << 2);
  while (y < rowEnd) {
    let token = x;
    let out = y;
    for (let t = 0; t < count; t++) {
      groupTimesToken<T>(w, token, out, columns, halfBits, factor);
      token += <usize>columns << 2;
      out += <usize>yStride << 2;
    }
    w += groupBytes;
    y += 32;
  }
}

/**
 * y[t, r] = (Σ over even columns, in order) + (Σ over odd columns, in order), in f32.
 *
 * w: [paddedRows/8, columns] × 8 rows of f32. x: f32 [count, columns]. y: as in `matmulQ4_0`. Any number of columns.
 * Error: at most (columns/2 + 2) · 2^-24 · Σ |w·x|.
 */
export function matmulF32(
  w: usize, x: usize, y: usize, paddedRows: i32, columns: i32, count: i32, yStride: i32,
): void {
  matmulFloat<f32>(w, x, y, paddedRows, columns, count, yStride);
}

/** As `matmulF32`, w: [paddedRows/8, columns] × 8 rows of packed halves (see `weightScalesLow`). */
export function matmulF16(
  w: usize, x: usize, y: usize, paddedRows: i32, columns: i32, count: i32, yStride: i32,
): void {
  matmulFloat<u16>(w, x, y, paddedRows, columns, count, yStride);
}
