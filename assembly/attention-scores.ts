import { HALF_BITS } from './constants';
import { loadElements } from './half';
import { multiplyAdd } from './simd';

/** Scores of 4 positions for 4 rows: an element of K is decoded once for four rows. */
@inline
function scoreFourByFour<T>(k: usize, q: usize, qEnd: usize, scores: usize, bits: v128): void {
  let a = f32x4.splat(0);
  let b = a;
  let c = a;
  let d = a;
  while (q < qEnd) {
    let elements = loadElements<T>(k, bits);
    a = multiplyAdd(elements, v128.load32_splat(q), a);
    b = multiplyAdd(elements, v128.load32_splat(q, 4), b);
    c = multiplyAdd(elements, v128.load32_splat(q, 8), c);
    d = multiplyAdd(elements, v128.load32_splat(q, 12), d);
    elements = loadElements<T>(k + 4 * sizeof<T>(), bits);
    a = multiplyAdd(elements, v128.load32_splat(q, 16), a);
    b = multiplyAdd(elements, v128.load32_splat(q, 20), b);
    c = multiplyAdd(elements, v128.load32_splat(q, 24), c);
    d = multiplyAdd(elements, v128.load32_splat(q, 28), d);
    k += 8 * sizeof<T>();
    q += 32;
  }
  v128.store(scores, a);
  v128.store(scores, b, 16);
  v128.store(scores, c, 32);
  v128.store(scores, d, 48);
}

/** Scores of 16 positions for one row: four chains of additions instead of one. */
@inline
function scoreSixteenPositions<T>(
  k: usize, fourBytes: usize, q: usize, qEnd: usize, scores: usize, bits: v128,
): void {
  let a = f32x4.splat(0);
  let b = a;
  let c = a;
  let d = a;
  while (q < qEnd) {
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
 * scores[p, row] = Σ_d q[row, d] · k[p, d], d in order, for the positions of one page (rounded up to 16: lanes
 * behind inPage hold whatever the page holds).
 * k: the page; q: f32 [headDim, rows]; scores: f32 [16 fours of positions, rows, 4]; rows: 4 or 1.
 */
@inline
export function scorePage<T>(k: usize, q: usize, scores: usize, inPage: i32, headDim: i32, rows: i32): void {
  const bits = v128.load(HALF_BITS);
  const fourBytes = <usize>headDim * 4 * sizeof<T>();
  const qEnd = q + (<usize>(headDim * rows) << 2);
  if (rows == 4) {
    for (let p = 0; p < inPage; p += 4) {
      scoreFourByFour<T>(k, q, qEnd, scores, bits);
      k += fourBytes;
      scores += 64;
    }
    return;
  }
  for (let p = 0; p < inPage; p += 16) {
    scoreSixteenPositions<T>(k, fourBytes, q, qEnd, scores, bits);
    k += 4 * fourBytes;
    scores += 64;
  }
}
