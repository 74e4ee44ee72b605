import { HALF_BITS } from './constants';
import { loadElements } from './half';
import { multiplyAdd } from './simd';

/** 4 dimensions for 4 rows: an element of V is decoded once for four rows. weights: f32 [count, 4]. */
@inline
function mixFourByFour<T>(
  v: usize, vRow: usize, weights: usize, out: usize, outRow: usize, count: i32, bits: v128,
): void {
  let a = v128.load(out);
  let b = v128.load(out + outRow);
  let c = v128.load(out + 2 * outRow);
  let d = v128.load(out + 3 * outRow);
  const end = weights + (<usize>count << 4);
  while (weights < end) {
    const elements = loadElements<T>(v, bits);
    a = multiplyAdd(elements, v128.load32_splat(weights), a);
    b = multiplyAdd(elements, v128.load32_splat(weights, 4), b);
    c = multiplyAdd(elements, v128.load32_splat(weights, 8), c);
    d = multiplyAdd(elements, v128.load32_splat(weights, 12), d);
    v += vRow;
    weights += 16;
  }
  v128.store(out, a);
  v128.store(out + outRow, b);
  v128.store(out + 2 * outRow, c);
  v128.store(out + 3 * outRow, d);
}

/** 16 dimensions for one row, whose weights stand `stride` bytes apart. */
@inline
function mixSixteen<T>(
  v: usize, vRow: usize, weights: usize, stride: usize, out: usize, count: i32, bits: v128,
): void {
  let a = v128.load(out);
  let b = v128.load(out, 16);
  let c = v128.load(out, 32);
  let d = v128.load(out, 48);
  const end = weights + <usize>count * stride;
  while (weights < end) {
    const weight = v128.load32_splat(weights);
    a = multiplyAdd(loadElements<T>(v, bits), weight, a);
    b = multiplyAdd(loadElements<T>(v + 4 * sizeof<T>(), bits), weight, b);
    c = multiplyAdd(loadElements<T>(v + 8 * sizeof<T>(), bits), weight, c);
    d = multiplyAdd(loadElements<T>(v + 12 * sizeof<T>(), bits), weight, d);
    v += vRow;
    weights += stride;
  }
  v128.store(out, a);
  v128.store(out, b, 16);
  v128.store(out, c, 32);
  v128.store(out, d, 48);
}

/** 4 dimensions for one row: what is left of a headDim that is not a multiple of 16. */
@inline
function mixFour<T>(
  v: usize, vRow: usize, weights: usize, stride: usize, out: usize, count: i32, bits: v128,
): void {
  let sum = v128.load(out);
  const end = weights + <usize>count * stride;
  while (weights < end) {
    sum = multiplyAdd(loadElements<T>(v, bits), v128.load32_splat(weights), sum);
    v += vRow;
    weights += stride;
  }
  v128.store(out, sum);
}

/**
 * out[row, d] += Σ_p weights[p, row] · v[p, d], p in order, over `count` positions of one page.
 * v: V of the first position; weights: f32 [count, 4]; out: f32 [4, headDim].
 */
@inline
export function mixFourRows<T>(v: usize, weights: usize, out: usize, count: i32, headDim: i32): void {
  const bits = v128.load(HALF_BITS);
  const vRow = <usize>headDim * sizeof<T>();
  const outRow = <usize>headDim << 2;
  for (let d: usize = 0; d < <usize>headDim; d += 4) {
    mixFourByFour<T>(v + d * sizeof<T>(), vRow, weights, out + (d << 2), outRow, count, bits);
  }
}

/** The same for one row: weights f32 [count], `stride` bytes apart; out f32 [headDim]. */
@inline
export function mixRow<T>(v: usize, weights: usize, stride: usize, out: usize, count: i32, headDim: i32): void {
  const bits = v128.load(HALF_BITS);
  const vRow = <usize>headDim * sizeof<T>();
  const dims = <usize>headDim;
  let d: usize = 0;
  for (; d + 16 <= dims; d += 16) {
    mixSixteen<T>(v + d * sizeof<T>(), vRow, weights, stride, out + (d << 2), count, bits);
  }
  for (; d < dims; d += 4) mixFour<T>(v + d * sizeof<T>(), vRow, weights, stride, out + (d << 2), count, bits);
}
