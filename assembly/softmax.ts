import { expF32 } from './exp-f32';
import { loadTail, maxLane, storeTail } from './simd';

/** Vectors whose exponentials are summed in f32 before the sum goes into an f64. */
const BLOCK_VECTORS: i32 = 64;

@inline
function sumLanesF64(v: v128): f64 {
  return (
    <f64>f32x4.extract_lane(v, 0) +
    <f64>f32x4.extract_lane(v, 1) +
    (<f64>f32x4.extract_lane(v, 2) + <f64>f32x4.extract_lane(v, 3))
  );
}

/**
 * x[i] = e^(x[i] − maximum) for 4 · vectors floats in place, the vectors `stride` bytes apart; returns their sum.
 * The order is fixed by the length alone: four lanes over 256 elements in f32, then f64.
 */
export function exponentials(x: usize, vectors: i32, stride: usize, maximum: f32): f64 {
  const shift = f32x4.splat(maximum);
  let total: f64 = 0;
  for (let first = 0; first < vectors; first += BLOCK_VECTORS) {
    let sum = f32x4.splat(0);
    const end = x + <usize>min(BLOCK_VECTORS, vectors - first) * stride;
    while (x < end) {
      const e = expF32(f32x4.sub(v128.load(x), shift));
      v128.store(x, e);
      sum = f32x4.add(sum, e);
      x += stride;
    }
    total += sumLanesF64(sum);
  }
  return total;
}

/** x = x · factor for 4 · vectors floats in place. */
@inline
export function multiplyVectors(x: usize, vectors: i32, factor: f32): void {
  const factors = f32x4.splat(factor);
  const end = x + (<usize>vectors << 4);
  while (x < end) {
    v128.store(x, f32x4.mul(v128.load(x), factors));
    x += 16;
  }
}

/**
 * x[i] = e^(x[i] − max) / Σ e^(x[j] − max), f32 [length] in place; −infinity gives 0.
 * Relative error: at most 80 · 2^-24.
 */
export function softmax(x: usize, length: i32): void {
  if (length == 0) return;
  const vectors = length >> 2;
  const rest = length & 3;
  const tail = x + (<usize>vectors << 4);
  let maxima = f32x4.splat(-Infinity);
  for (let p = x; p < tail; p += 16) maxima = f32x4.max(maxima, v128.load(p));
  if (rest) maxima = f32x4.max(maxima, loadTail(tail, rest, -Infinity));
  const maximum = maxLane(maxima);
  let total = exponentials(x, vectors, 16, maximum);
  if (rest) {
    const e = expF32(f32x4.sub(loadTail(tail, rest, -Infinity), f32x4.splat(maximum)));
    total += sumLanesF64(e);
    const factor = f32x4.splat(<f32>(1 / total));
    storeTail(tail, f32x4.mul(e, factor), rest);
  }
  multiplyVectors(x, vectors, <f32>(1 / total));
}
