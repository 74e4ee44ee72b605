import { maxLane } from './simd';
import { exponentials } from './softmax';

/**
 * Scores of one row become e^(factor · score − maximum), 0 behind `positions` up to a whole vector; returns their
 * sum. scores: vectors of four positions, `stride` bytes apart.
 */
export function softmaxRow(scores: usize, stride: usize, positions: i32, factor: f32): f64 {
  const vectors = (positions + 3) >> 2;
  const last = scores + <usize>(vectors - 1) * stride;
  const factors = f32x4.splat(factor);
  let maxima = f32x4.splat(-Infinity);
  for (let p = scores; p < last; p += stride) {
    const scaled = f32x4.mul(v128.load(p), factors);
    v128.store(p, scaled);
    maxima = f32x4.pmax(maxima, scaled);
  }
  const lane = i32x4.add(i32x4(0, 1, 2, 3), i32x4.splat((vectors - 1) << 2));
  const within = i32x4.lt_s(lane, i32x4.splat(positions));
  const scaled = v128.bitselect(f32x4.mul(v128.load(last), factors), f32x4.splat(-Infinity), within);
  v128.store(last, scaled);
  return exponentials(scores, vectors, stride, maxLane(f32x4.pmax(maxima, scaled)));
}

/**
 * Multiplies four rows by a factor each and turns them from [fours of positions, 4 rows, 4] to [positions, 4 rows],
 * in place: so the weights of a position stand side by side.
 */
export function weighFourRows(scores: usize, vectors: i32, factors: usize): void {
  const fa = v128.load32_splat(factors);
  const fb = v128.load32_splat(factors, 4);
  const fc = v128.load32_splat(factors, 8);
  const fd = v128.load32_splat(factors, 12);
  const end = scores + (<usize>vectors << 6);
  while (scores < end) {
    const a = f32x4.mul(v128.load(scores), fa);
    const b = f32x4.mul(v128.load(scores, 16), fb);
    const c = f32x4.mul(v128.load(scores, 32), fc);
    const d = f32x4.mul(v128.load(scores, 48), fd);
    const acLow = i8x16.shuffle(a, c, 0, 1, 2, 3, 16, 17, 18, 19, 4, 5, 6, 7, 20, 21, 22, 23);
    const acHigh = i8x16.shuffle(a, c, 8, 9, 10, 11, 24, 25, 26, 27, 12, 13, 14, 15, 28, 29, 30, 31);
    const bdLow = i8x16.shuffle(b, d, 0, 1, 2, 3, 16, 17, 18, 19, 4, 5, 6, 7, 20, 21, 22, 23);
    const bdHigh = i8x16.shuffle(b, d, 8, 9, 10, 11, 24, 25, 26, 27, 12, 13, 14, 15, 28, 29, 30, 31);
    v128.store(scores, i8x16.shuffle(acLow, bdLow, 0, 1, 2, 3, 16, 17, 18, 19, 4, 5, 6, 7, 20, 21, 22, 23));
    v128.store(
      scores, i8x16.shuffle(acLow, bdLow, 8, 9, 10, 11, 24, 25, 26, 27, 12, 13, 14, 15, 28, 29, 30, 31), 16,
    );
    v128.store(scores, i8x16.shuffle(acHigh, bdHigh, 0, 1, 2, 3, 16, 17, 18, 19, 4, 5, 6, 7, 20, 21, 22, 23), 32);
    v128.store(
      scores, i8x16.shuffle(acHigh, bdHigh, 8, 9, 10, 11, 24, 25, 26, 27, 12, 13, 14, 15, 28, 29, 30, 31), 48,
    );
    scores += 64;
  }
}
