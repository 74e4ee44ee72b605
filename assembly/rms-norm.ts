import { sumLanes } from './simd';

/** Exponents of the RMS that partial sums may be scaled by: so that all four scales are normal floats. */
const MIN_EXPONENT: i32 = -100;
const MAX_EXPONENT: i32 = 126;

/**
 * Σ x² in f32, in a fixed order: 16 partial sums of the elements i ≡ 0..15 (mod 16), added lane by lane as
 * (0–3 + 4–7) + (8–11 + 12–15), then (lane 0 + lane 1) + (lane 2 + lane 3), then what is left over one by
 * one.
 */
@inline
function sumOfSquares(x: usize, size: i32): f32 {
  let a = f32x4.splat(0);
  let b = a;
  let c = a;
  let d = a;
  const end = x + (<usize>size << 2);
  const vectorsEnd = x + (<usize>(size & ~15) << 2);
  while (x < vectorsEnd) {
    const x0 = v128.load(x);
    const x1 = v128.load(x, 16);
    const x2 = v128.load(x, 32);
    const x3 = v128.load(x, 48);
    a = f32x4.add(a, f32x4.mul(x0, x0));
    b = f32x4.add(b, f32x4.mul(x1, x1));
    c = f32x4.add(c, f32x4.mul(x2, x2));
    d = f32x4.add(d, f32x4.mul(x3, x3));
    x += 64;
  }
  let sum = sumLanes(f32x4.add(f32x4.add(a, b), f32x4.add(c, d)));
  while (x < end) {
    const value = load<f32>(x);
    sum += value * value;
    x += 4;
  }
  return sum;
}

/** 2^exponent, for exponents of normal floats. */
@inline
function powerOfTwo(exponent: i32): f32 {
  return reinterpret<f32>((exponent + 127) << 23);
}

/** f32 [4]: fineScale, 1 / fineScale, coarseScale, 1 / coarseScale. */
@inline
function storeScales(scales: usize, meanSquare: f32): void {
  const exponent = <i32>(reinterpret<u32>(sqrt<f32>(meanSquare)) >> 23) - 127;
  const clamped = min(max(exponent, MIN_EXPONENT), MAX_EXPONENT);
  store<f32>(scales, powerOfTwo(16 - clamped));
  store<f32>(scales, powerOfTwo(clamped - 16), 4);
  store<f32>(scales, powerOfTwo(4 - clamped), 8);
  store<f32>(scales, powerOfTwo(clamped - 4), 12);
}

@inline
function scaleBy(x: usize, weight: usize, y: usize, size: i32, inverse: f32): void {
  const end = x + (<usize>size << 2);
  const vectorsEnd = x + (<usize>(size & ~3) << 2);
  const factor = f32x4.splat(inverse);
  while (x < vectorsEnd) {
    v128.store(y, f32x4.mul(f32x4.mul(v128.load(x), factor), v128.load(weight)));
    x += 16;
    y += 16;
    weight += 16;
  }
  while (x < end) {
    store<f32>(y, load<f32>(x) * inverse * load<f32>(weight));
    x += 4;
    y += 4;
    weight += 4;
  }
}

/**
 * y = (x · (1 / sqrt(mean(x²) + epsilon))) · weight for each of `count` tokens.
 * x, y: f32 [count, size], may be the same; weight: f32 [size].
 * scales: f32 [count, 4], the units for the partial sums of this token: fineScale, 1 / fineScale,
 * coarseScale, 1 / coarseScale. 1 / fineScale = 2^(floor(log2(rms(x))) − 16), 1 / coarseScale is 2^12 times
 * that; rms is sqrt(mean(x²)) without epsilon, its exponent clamped to −100..126 (zero and what is not finite
 * included). Error: (size/16 + 8) · 2^-24 relative, at most.
 */
export function rmsNorm(
  x: usize, weight: usize, y: usize, size: i32, count: i32, epsilon: f32, scales: usize,
): void {
  const tokenBytes = <usize>size << 2;
  for (let t = 0; t < count; t++) {
    const meanSquare = sumOfSquares(x, size) / <f32>size;
    scaleBy(x, weight, y, size, 1 / sqrt<f32>(meanSquare + epsilon));
    storeScales(scales, meanSquare);
    x += tokenBytes;
    y += tokenBytes;
    scales += 16;
  }
}
