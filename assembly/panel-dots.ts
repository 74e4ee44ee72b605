import { Quants } from './panel-weights';

/**
 * Dot products of panels: 8 vectors of unpacked weights stay in registers and meet one token after the other. Stores,
 * also of what is not yet whole, keep V8 from mixing loads with later ones; with an accumulator, constants and
 * temporaries at most 14 vectors are live.
 */

/**
 * i16 lanes 2·row, 2·row + 1: the 4 columns in each word of x times weights in 0..127. The baseline build has no
 * use for it.
 */
@inline
function bytePairs(x: v128, w: v128): v128 {
  return RELAXED ? v128.relaxed_dot<i16>(x, w) : w;
}

/** sum + halves of 4 rows × 16 columns. */
@inline
function addBytes(x: usize, sum: v128, w0: v128, w1: v128, w2: v128, w3: v128): v128 {
  return addTwelve(x, i16x8.add(sum, bytePairs(v128.load32_splat(x), w0)), w1, w2, w3);
}
@inline
function byteDots(x: usize, w0: v128, w1: v128, w2: v128, w3: v128): v128 {
  return addTwelve(x, bytePairs(v128.load32_splat(x), w0), w1, w2, w3);
}
@inline
function addTwelve(x: usize, sum: v128, w1: v128, w2: v128, w3: v128): v128 {
  sum = i16x8.add(sum, bytePairs(v128.load32_splat(x, 4), w1));
  sum = i16x8.add(sum, bytePairs(v128.load32_splat(x, 8), w2));
  return i16x8.add(sum, bytePairs(v128.load32_splat(x, 12), w3));
}

/**
 * 4 rows × 32 columns of one token: `first` times the sum of columns 0–15 plus `second` times that of 16–31, factors
 * in i16 lanes, each row's twice. An i16 lane holds 16 products of nibbles, so these take `first` alone, or 8 of more
 * bits; those of 6 bits need for it the offsets behind the activations, and 3-bit quants have the same scales.
 * x: a record of bytes. Leaves a part in 16 bytes at `out`, see above.
 */
@inline
export function tokenDots(
  quants: i32, x: usize, out: usize, first: v128, second: v128,
  w0: v128, w1: v128, w2: v128, w3: v128, w4: v128, w5: v128, w6: v128, w7: v128,
): v128 {
  if (quants == Quants.Nibbles) {
    return i32x4.dot_i16x8_s(addBytes(x + 16, byteDots(x, w0, w1, w2, w3), w4, w5, w6, w7), first);
  }
  const offsets = quants == Quants.SixBits || quants == Quants.ThreeBits;
  const low = offsets ? addBytes(x, v128.load32_splat(x, 32), w0, w1, w2, w3) : byteDots(x, w0, w1, w2, w3);
  const lowRows = i32x4.dot_i16x8_s(low, first);
  v128.store(out, lowRows);
  const high = offsets ? addBytes(x + 16, v128.load32_splat(x, 36), w4, w5, w6, w7) : byteDots(x + 16, w4, w5, w6, w7);
  return i32x4.add(lowRows, i32x4.dot_i16x8_s(high, second));
}

/** 4 rows × 16 columns of one token: pairs of i16 at x, weights in i16 pairs. */
@inline
export function wordDots(
  x: usize, w0: v128, w1: v128, w2: v128, w3: v128, w4: v128, w5: v128, w6: v128, w7: v128,
): v128 {
  let sum = i32x4.dot_i16x8_s(v128.load32_splat(x), w0);
  sum = i32x4.add(sum, i32x4.dot_i16x8_s(v128.load32_splat(x, 4), w1));
  sum = i32x4.add(sum, i32x4.dot_i16x8_s(v128.load32_splat(x, 8), w2));
  sum = i32x4.add(sum, i32x4.dot_i16x8_s(v128.load32_splat(x, 12), w3));
  sum = i32x4.add(sum, i32x4.dot_i16x8_s(v128.load32_splat(x, 16), w4));
  sum = i32x4.add(sum, i32x4.dot_i16x8_s(v128.load32_splat(x, 20), w5));
  sum = i32x4.add(sum, i32x4.dot_i16x8_s(v128.load32_splat(x, 24), w6));
  return i32x4.add(sum, i32x4.dot_i16x8_s(v128.load32_splat(x, 28), w7));
}
