import { HALF_BITS } from './constants';
import { loadElements } from './half';
import { multiplyAdd } from './simd';

/** Scores of 4 positions for 4 heads: each element of K is decoded once. */
@inline
function scoreFourHeads<T>(k: usize, q: usize, qRow: usize, scores: usize, row: usize, bits: v128): void {
  let a = f32x4.splat(0);
  let b = a;
  let c = a;
  let d = a;
  const end = q + qRow;
  while (q < end) {
    const elements = loadElements<T>(k, bits);
    a = multiplyAdd(elements, v128.load32_splat(q), a);
    b = multiplyAdd(elements, v128.load32_splat(q + qRow), b);
    c = multiplyAdd(elements, v128.load32_splat(q + 2 * qRow), c);
    d = multiplyAdd(elements, v128.load32_splat(q + 3 * qRow), d);
    k += 4 * sizeof<T>();
    q += 4;
  }
  v128.store(scores, a);
  v128.store(scores + row, b);
  v128.store(scores + 2 * row, c);
  v128.store(scores + 3 * row, d);
}

/** Scores of 16 positions for one head: four chains of additions instead of one. */
@inline
function scoreOneHead<T>(k: usize, q: usize, qRow: usize, scores: usize, bits: v128): void {
  let a = f32x4.splat(0);
  let b = a;
  let c = a;
  let d = a;
  const fourBytes = qRow * sizeof<T>(); // K of four positions: headDim · 4 elements
  const end = q + qRow;
  while (q < end) {
    const query = v128.load32_splat(q);
    a = multiplyAdd(loadElements<T>(k, bits), query, a);
    b = multiplyAdd(loadElements<T>(k + fourBytes, bits), query, b);
    c = multiplyAdd(loadElements<T>(k + 2 * fourBytes, bits), query, c);
    d = multiplyAdd(loadElements<T>(k + 3 * fourBytes, bits), query, d);
    k += 4 * sizeof<T>();
    q += 4;
  }
  v128.store(scores, a);
  v128.store(scores, b, 16);
  v128.store(scores, c, 32);
  v128.store(scores, d, 48);
}

/**
 * scores[h, p] = Σ_d q[h, d] · k[p, d], d in order, for the positions of one page (rounded up to 16: lanes
 * behind inPage hold whatever the page holds). k: the page; q: f32 [groupSize, headDim]; scores: rows of
 * `row` bytes.
 */
@inline
export function scoreHeads<T>(
  k: usize, q: usize, scores: usize, row: usize, inPage: i32, headDim: i32, groupSize: i32,
): void {
  const bits = v128.load(HALF_BITS);
  const qRow = <usize>headDim << 2;
  let head = 0;
  for (; head + 4 <= groupSize; head += 4) {
    for (let p: usize = 0; p < <usize>inPage; p += 4) {
      scoreFourHeads<T>(k + p * <usize>headDim * sizeof<T>(), q, qRow, scores + (p << 2), row, bits);
    }
    q += 4 * qRow;
    scores += 4 * row;
  }
  for (; head < groupSize; head++) {
    for (let p: usize = 0; p < <usize>inPage; p += 16) {
      scoreOneHead<T>(k + p * <usize>headDim * sizeof<T>(), q, qRow, scores + (p << 2), bits);
    }
    q += qRow;
    scores += row;
  }
}
