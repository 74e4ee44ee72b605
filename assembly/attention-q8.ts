import { ROUNDING, ROUNDING_BITS } from './constants';
import { KEY_BLOCK, keyFourBytes } from './kv-page-q8';
import { absoluteMax, blockScale, isUsable } from './quantize';
import { multiplyAdd } from './simd';

/**
 * Attention over 8-bit pages in integers. Queries and weights become i16, so that their rounding is nothing beside
 * that of K and V; a product of two i16 lanes, added to its neighbour's, is one instruction.
 *
 * No lane overflows, whatever the pages hold: a sum over a block of 32 dimensions of K is at most
 * 32 · 32767 · 128 < 2^27, one over the 64 positions of a page of V at most 64 · 2^15 · 128 = 2^28.
 */

/** Queries and weights are within ±32767. */
const LEVELS: f32 = 32767;

@inline
function round(x: v128, inverse: v128): v128 {
  return i32x4.sub(f32x4.add(f32x4.mul(x, inverse), f32x4.splat(ROUNDING)), i32x4.splat(ROUNDING_BITS));
}

/**
 * One query to one of `lanes` columns: i16 [headDim/2, lanes, 2].
 * @returns its scale, NaN if it is not finite
 */
export function quantizeQuery(q: usize, query: usize, lanes: i32, headDim: i32): f32 {
  const absmax = absoluteMax(q, <usize>headDim << 2);
  const usable = isUsable(absmax);
  const inverse = f32x4.splat(usable ? LEVELS / absmax : 0);
  const stride = <usize>lanes << 2;
  for (let d = 0; d < headDim; d += 4) {
    const quants = usable ? round(v128.load(q), inverse) : i32x4.splat(0);
    const pairs = i16x8.narrow_i32x4_s(quants, quants);
    v128.store32_lane(query, pairs, 0);
    v128.store32_lane(query + stride, pairs, 1);
    q += 16;
    query += 2 * stride;
  }
  return blockScale(absmax, LEVELS);
}

/** Scores of 4 positions for 4 rows. */
@inline
function scoreFourByFour(k: usize, q: usize, headDim: i32, scores: usize): void {
  let sumA = f32x4.splat(0);
  let sumB = sumA;
  let sumC = sumA;
  let sumD = sumA;
  for (let left = headDim; left > 0; left -= KEY_BLOCK) {
    let a = i32x4.splat(0);
    let b = a;
    let c = a;
    let d = a;
    const end = k + (<usize>min(left, KEY_BLOCK) << 2);
    while (k < end) {
      let keys = v128.load8x8_s(k);
      a = i32x4.add(a, i32x4.dot_i16x8_s(keys, v128.load32_splat(q)));
      b = i32x4.add(b, i32x4.dot_i16x8_s(keys, v128.load32_splat(q, 4)));
      c = i32x4.add(c, i32x4.dot_i16x8_s(keys, v128.load32_splat(q, 8)));
      d = i32x4.add(d, i32x4.dot_i16x8_s(keys, v128.load32_splat(q, 12)));
      keys = v128.load8x8_s(k, 8);
      a = i32x4.add(a, i32x4.dot_i16x8_s(keys, v128.load32_splat(q, 16)));
      b = i32x4.add(b, i32x4.dot_i16x8_s(keys, v128.load32_splat(q, 20)));
      c = i32x4.add(c, i32x4.dot_i16x8_s(keys, v128.load32_splat(q, 24)));
      d = i32x4.add(d, i32x4.dot_i16x8_s(keys, v128.load32_splat(q, 28)));
      k += 16;
      q += 32;
    }
    const scales = v128.load(k);
    sumA = multiplyAdd(f32x4.convert_i32x4_s(a), scales, sumA);
    sumB = multiplyAdd(f32x4.convert_i32x4_s(b), scales, sumB);
    sumC = multiplyAdd(f32x4.convert_i32x4_s(c), scales, sumC);
    sumD = multiplyAdd(f32x4.convert_i32x4_s(d), scales, sumD);
    k += 16;
  }
  v128.store(scores, sumA);
  v128.store(scores, sumB, 16);
  v128.store(scores, sumC, 32);
  v128.store(scores, sumD, 48);
}

/** Scores of 4 positions for one row. */
@inline
function scoreFour(k: usize, q: usize, headDim: i32, scores: usize): void {
  let sum = f32x4.splat(0);
  for (let left = headDim; left > 0; left -= KEY_BLOCK) {
    let a = i32x4.splat(0);
    let b = a;
    const end = k + (<usize>min(left, KEY_BLOCK) << 2);
    while (k < end) {
      a = i32x4.add(a, i32x4.dot_i16x8_s(v128.load8x8_s(k), v128.load32_splat(q)));
      b = i32x4.add(b, i32x4.dot_i16x8_s(v128.load8x8_s(k, 8), v128.load32_splat(q, 4)));
      k += 16;
      q += 8;
    }
    sum = multiplyAdd(f32x4.convert_i32x4_s(i32x4.add(a, b)), v128.load(k), sum);
    k += 16;
  }
  v128.store(scores, sum);
}

/**
 * scores[p, row] = Σ over blocks, in order, of Σ q · k times the block's scale, for the positions of one page.
 * k: the page; q: i16 [headDim/2, rows, 2]; scores: f32 [16 fours of positions, rows, 4]; rows: 4 or 1.
 */
@inline
export function scorePageQ8(k: usize, q: usize, scores: usize, inPage: i32, headDim: i32, rows: i32): void {
  const fourBytes = keyFourBytes(headDim);
  for (let p = 0; p < inPage; p += 4) {
    if (rows == 4) scoreFourByFour(k, q, headDim, scores);
    else scoreFour(k, q, headDim, scores);
    k += fourBytes;
    scores += <usize>rows << 4;
  }
}

/**
 * One row's exponentials over one page, f32 in vectors `stride` bytes apart, times `lift` and V's scales, as i16:
 * weights [32 pairs of positions, lanes, 2]. They are zero behind inPage, which may be negative.
 * @returns their scale, NaN if one of them is not finite
 */
export function weighPage(
  e: usize, stride: usize, scales: usize, lift: f32, weights: usize, lanes: i32, inPage: i32,
): f32 {
  const lifts = f32x4.splat(lift);
  const end = e + 16 * stride;
  let lane = i32x4(0, 1, 2, 3);
  let maxima = i32x4.splat(0);
  for (let p = e; p < end; p += stride) {
    const within = i32x4.lt_s(lane, i32x4.splat(inPage));
    const weight = v128.and(f32x4.mul(f32x4.mul(v128.load(p), lifts), v128.load(scales)), within);
    v128.store(p, weight);
    maxima = i32x4.max_u(maxima, weight); // bits of what is not negative are in order, NaN above all
    lane = i32x4.add(lane, i32x4.splat(4));
    scales += 16;
  }
  const maximum = reinterpret<f32>(
    max(
      max(<u32>i32x4.extract_lane(maxima, 0), <u32>i32x4.extract_lane(maxima, 1)),
      max(<u32>i32x4.extract_lane(maxima, 2), <u32>i32x4.extract_lane(maxima, 3)),
    ),
  );
  const inverse = f32x4.splat(isUsable(maximum) ? LEVELS / maximum : 0);
  const column = <usize>lanes << 2;
  for (let p = e; p < end; p += 2 * stride) {
    const quants = i16x8.narrow_i32x4_s(round(v128.load(p), inverse), round(v128.load(p + stride), inverse));
    v128.store32_lane(weights, quants, 0);
    v128.store32_lane(weights + column, quants, 1);
    v128.store32_lane(weights + 2 * column, quants, 2);
    v128.store32_lane(weights + 3 * column, quants, 3);
    weights += 4 * column;
  }
  return blockScale(maximum, LEVELS);
}

/** out += scale · sum. */
@inline
function addScaled(out: usize, sum: v128, scale: v128): void {
  v128.store(out, multiplyAdd(f32x4.convert_i32x4_s(sum), scale, v128.load(out)));
}

/** 4 dimensions for 4 rows. */
@inline
function mixFourByFour(
  v: usize, vRow: usize, weights: usize, scales: usize, out: usize, outRow: usize, pairs: i32,
): void {
  let a = i32x4.splat(0);
  let b = a;
  let c = a;
  let d = a;
  const end = weights + (<usize>pairs << 4);
  while (weights < end) {
    const values = v128.load8x8_s(v);
    a = i32x4.add(a, i32x4.dot_i16x8_s(values, v128.load32_splat(weights)));
    b = i32x4.add(b, i32x4.dot_i16x8_s(values, v128.load32_splat(weights, 4)));
    c = i32x4.add(c, i32x4.dot_i16x8_s(values, v128.load32_splat(weights, 8)));
    d = i32x4.add(d, i32x4.dot_i16x8_s(values, v128.load32_splat(weights, 12)));
    v += vRow;
    weights += 16;
  }
  addScaled(out, a, v128.load32_splat(scales));
  addScaled(out + outRow, b, v128.load32_splat(scales, 4));
  addScaled(out + 2 * outRow, c, v128.load32_splat(scales, 8));
  addScaled(out + 3 * outRow, d, v128.load32_splat(scales, 12));
}

/** 8 dimensions for one row; or the last 4. */
@inline
function mixEight(v: usize, vRow: usize, weights: usize, scales: usize, out: usize, pairs: i32, both: bool): void {
  let a = i32x4.splat(0);
  let b = a;
  const end = weights + (<usize>pairs << 2);
  while (weights < end) {
    const weight = v128.load32_splat(weights);
    a = i32x4.add(a, i32x4.dot_i16x8_s(v128.load8x8_s(v), weight));
    if (both) b = i32x4.add(b, i32x4.dot_i16x8_s(v128.load8x8_s(v, 8), weight));
    v += vRow;
    weights += 4;
  }
  addScaled(out, a, v128.load32_splat(scales));
  if (both) addScaled(out + 16, b, v128.load32_splat(scales));
}

/**
 * out[row, d] += scale[row] · Σ_p weights[p, row] · v[p, d] over the first inPage positions of one page.
 * v: the page's V; weights: i16 [32 pairs of positions, rows, 2]; scales: f32 [rows]; out: f32 [rows, headDim];
 * rows: 4 or 1.
 */
@inline
export function mixPageQ8(
  v: usize, weights: usize, scales: usize, out: usize, inPage: i32, headDim: i32, rows: i32,
): void {
  const vRow = <usize>headDim << 1;
  const outRow = <usize>headDim << 2;
  const pairs = (inPage + 1) >> 1;
  if (rows == 4) {
    for (let d: usize = 0; d < <usize>headDim; d += 4) {
      mixFourByFour(v + (d << 1), vRow, weights, scales, out + (d << 2), outRow, pairs);
    }
    return;
  }
  const eights = <usize>(headDim & ~7);
  for (let d: usize = 0; d < eights; d += 8) {
    mixEight(v + (d << 1), vRow, weights, scales, out + (d << 2), pairs, true);
  }
  if (headDim & 4) mixEight(v + (eights << 1), vRow, weights, scales, out + (eights << 2), pairs, false);
}
