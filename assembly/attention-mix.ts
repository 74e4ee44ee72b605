import { HALF_BITS } from './constants';
import { loadElements } from './half';
import { multiplyAdd } from './simd';

/** 8 dimensions of 4 heads. */
@inline
function mixFourHeads<T>(
  v: usize, vRow: usize, weights: usize, row: usize, out: usize, outRow: usize, inPage: i32, bits: v128,
): void {
  let a0 = v128.load(out);
  let a1 = v128.load(out, 16);
  let b0 = v128.load(out + outRow);
  let b1 = v128.load(out + outRow, 16);
  let c0 = v128.load(out + 2 * outRow);
  let c1 = v128.load(out + 2 * outRow, 16);
  let d0 = v128.load(out + 3 * outRow);
  let d1 = v128.load(out + 3 * outRow, 16);
  const end = weights + (<usize>inPage << 2);
  while (weights < end) {
    const v0 = loadElements<T>(v, bits);
    const v1 = loadElements<T>(v + 4 * sizeof<T>(), bits);
    let weight = v128.load32_splat(weights);
    a0 = multiplyAdd(v0, weight, a0);
    a1 = multiplyAdd(v1, weight, a1);
    weight = v128.load32_splat(weights + row);
    b0 = multiplyAdd(v0, weight, b0);
    b1 = multiplyAdd(v1, weight, b1);
    weight = v128.load32_splat(weights + 2 * row);
    c0 = multiplyAdd(v0, weight, c0);
    c1 = multiplyAdd(v1, weight, c1);
    weight = v128.load32_splat(weights + 3 * row);
    d0 = multiplyAdd(v0, weight, d0);
    d1 = multiplyAdd(v1, weight, d1);
    v += vRow;
    weights += 4;
  }
  v128.store(out, a0);
  v128.store(out, a1, 16);
  v128.store(out + outRow, b0);
  v128.store(out + outRow, b1, 16);
  v128.store(out + 2 * outRow, c0);
  v128.store(out + 2 * outRow, c1, 16);
  v128.store(out + 3 * outRow, d0);
  v128.store(out + 3 * outRow, d1, 16);
}

/** 16 dimensions of one head. */
@inline
function mixSixteen<T>(v: usize, vRow: usize, weights: usize, out: usize, inPage: i32, bits: v128): void {
  let a = v128.load(out);
  let b = v128.load(out, 16);
  let c = v128.load(out, 32);
  let d = v128.load(out, 48);
  const end = weights + (<usize>inPage << 2);
  while (weights < end) {
    const weight = v128.load32_splat(weights);
    a = multiplyAdd(loadElements<T>(v, bits), weight, a);
    b = multiplyAdd(loadElements<T>(v + 4 * sizeof<T>(), bits), weight, b);
    c = multiplyAdd(loadElements<T>(v + 8 * sizeof<T>(), bits), weight, c);
    d = multiplyAdd(loadElements<T>(v + 12 * sizeof<T>(), bits), weight, d);
    v += vRow;
    weights += 4;
  }
  v128.store(out, a);
  v128.store(out, b, 16);
  v128.store(out, c, 32);
  v128.store(out, d, 48);
}

/** 4 dimensions of one head: what is left of a headDim that is not a multiple of 16. */
@inline
function mixFour<T>(v: usize, vRow: usize, weights: usize, out: usize, inPage: i32, bits: v128): void {
  let sum = v128.load(out);
  const end = weights + (<usize>inPage << 2);
  while (weights < end) {
    sum = multiplyAdd(loadElements<T>(v, bits), v128.load32_splat(weights), sum);
    v += vRow;
    weights += 4;
  }
  v128.store(out, sum);
}

/**
 * out[h, d] += Σ_p weights[h, p] · v[p, d], p in order, over the first inPage positions of one page.
 * v: the page's V; weights: rows of `row` bytes; out: f32 [groupSize, headDim].
 */
@inline
export function mixHeads<T>(
  v: usize, weights: usize, out: usize, row: usize, inPage: i32, headDim: i32, groupSize: i32,
): void {
  const bits = v128.load(HALF_BITS);
  const vRow = <usize>headDim * sizeof<T>();
  const outRow = <usize>headDim << 2;
  const dims = <usize>headDim;
  let head = 0;
  if ((headDim & 7) == 0) {
    for (; head + 4 <= groupSize; head += 4) {
      for (let d: usize = 0; d < dims; d += 8) {
        mixFourHeads<T>(v + d * sizeof<T>(), vRow, weights, row, out + (d << 2), outRow, inPage, bits);
      }
      weights += 4 * row;
      out += 4 * outRow;
    }
  }
  for (; head < groupSize; head++) {
    let d: usize = 0;
    for (; d + 16 <= dims; d += 16) {
      mixSixteen<T>(v + d * sizeof<T>(), vRow, weights, out + (d << 2), inPage, bits);
    }
    for (; d < dims; d += 4) mixFour<T>(v + d * sizeof<T>(), vRow, weights, out + (d << 2), inPage, bits);
    weights += row;
    out += outRow;
  }
}
