import { mixHeads } from './attention-mix';
import { scoreHeads } from './attention-scores';
import { PAGE_POSITIONS } from './kv-page';
import { maxLane } from './simd';
import { exponentials, multiplyVectors } from './softmax';

/** 2^64: lifts queries and weights so that no product with an element as small as 2^-112 is a subnormal. */
const LIFT: f32 = 18446744073709551616.0;
/** What is left of 2^112 after the lift, for halves; what undoes the lift, for floats. */
const HALF_REST: f32 = 281474976710656.0; // 2^48
const FLOAT_REST: f32 = 5.421010862427522e-20; // 2^-64

/** Floats in each head's row of scores: a whole number of pages. */
@inline
function rowLength(positions: i32): usize {
  return <usize>((positions + PAGE_POSITIONS - 1) & -PAGE_POSITIONS);
}

/** Scores become weights · 2^64 that sum to 2^64: scaled, masked behind `positions`, softmax. */
function normalizeScores(scores: usize, positions: i32, factor: f32): void {
  const vectors = (positions + 3) >> 2;
  multiplyVectors(scores, vectors, factor);
  const last = scores + (<usize>(vectors - 1) << 4);
  const lane = i32x4.add(i32x4(0, 1, 2, 3), i32x4.splat((vectors - 1) << 2));
  const within = i32x4.lt_s(lane, i32x4.splat(positions));
  v128.store(last, v128.bitselect(v128.load(last), f32x4.splat(-Infinity), within));
  let maxima = f32x4.splat(-Infinity);
  for (let p = scores; p <= last; p += 16) maxima = f32x4.max(maxima, v128.load(p));
  const total = exponentials(scores, vectors, maxLane(maxima));
  multiplyVectors(scores, vectors, <f32>(<f64>LIFT / total));
}

@inline
function attend<T>(
  q: usize, pages: usize, base: usize, pageStride: usize, positions: i32, headDim: i32, groupSize: i32,
  out: usize, scores: usize, scale: f32,
): void {
  const outVectors = (groupSize * headDim) >> 2;
  const outBytes = <usize>outVectors << 4;
  const rest = sizeof<T>() == 4 ? FLOAT_REST : HALF_REST;
  const row = rowLength(positions) << 2;
  const vBytes = <usize>(PAGE_POSITIONS * headDim) * sizeof<T>();
  // The lifted queries stand in out until the scores are done.
  for (let i: usize = 0; i < outBytes; i += 16) {
    v128.store(out + i, f32x4.mul(v128.load(q + i), f32x4.splat(LIFT)));
  }
  for (let first = 0; first < positions; first += PAGE_POSITIONS) {
    const page = base + <usize>load<u32>(pages + (<usize>(first >> 6) << 2)) * pageStride;
    const inPage = min(PAGE_POSITIONS, positions - first);
    scoreHeads<T>(page, out, scores + (<usize>first << 2), row, inPage, headDim, groupSize);
  }
  for (let h: usize = 0; h < <usize>groupSize; h++) {
    normalizeScores(scores + h * row, positions, rest * scale);
  }
  for (let i: usize = 0; i < outBytes; i += 16) v128.store(out + i, f32x4.splat(0));
  for (let first = 0; first < positions; first += PAGE_POSITIONS) {
    const page = base + <usize>load<u32>(pages + (<usize>(first >> 6) << 2)) * pageStride + vBytes;
    const inPage = min(PAGE_POSITIONS, positions - first);
    mixHeads<T>(page, scores + (<usize>first << 2), out, row, inPage, headDim, groupSize);
  }
  multiplyVectors(out, outVectors, rest);
}

/**
 * One token, one KV head and the groupSize query heads that share it:
 * out[h] = Σ_p softmax_p(scale · q[h] · k[p]) · v[p] over positions 0..positions − 1.
 *
 * q, out: f32 [groupSize, headDim]; headDim a multiple of 4; positions at least 1. pages: u32 page numbers;
 * page i's K stands at base + pages[i] · pageStride, its V right behind (see `kv-page.ts`). scratch: f32
 * [groupSize, positions rounded up to 64]. out must overlap neither q nor scratch.
 *
 * Order: a score adds over headDim in order, starting at 0; the softmax subtracts the maximum and sums as
 * `exponentials` does; an output adds over positions in order. It depends on positions alone, neither on
 * which pages hold them nor on the other heads. What stands in the pages behind `positions`, NaN too, has no
 * effect.
 * Error: about (headDim + 16) · 2^-24 of Σ |q·k| in a score, then (positions + 16) · 2^-24 of max |v|.
 */
export function attentionF16(
  q: usize, pages: usize, base: usize, pageStride: usize, positions: i32, headDim: i32, groupSize: i32,
  out: usize, scratch: usize, scale: f32,
): void {
  attend<u16>(q, pages, base, pageStride, positions, headDim, groupSize, out, scratch, scale);
}

export function attentionF32(
  q: usize, pages: usize, base: usize, pageStride: usize, positions: i32, headDim: i32, groupSize: i32,
  out: usize, scratch: usize, scale: f32,
): void {
  attend<f32>(q, pages, base, pageStride, positions, headDim, groupSize, out, scratch, scale);
}
