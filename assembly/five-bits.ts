import { pairs0, pairs1, pairs2, pairs3 } from './simd';

/**
 * 4 rows × 32 columns of 5-bit quants in 80 bytes at q, each row's sum of 16 products a half times two i16
 * factors: i32 lane r is f[2r] · (half of row r's sum) + f[2r+1] · (the other half).
 *
 * Byte 16v + 4·row + j, v < 4, has the whole quant of column 4v + j in its low 5 bits and the low 3 bits of
 * column 16 + 4v + j's in its top 3; byte 64 + 4·row + j has the 2 bits that those lack, v's at 2v. So half
 * of the quants take one mask, the others five operations: 24 for 8 vectors, where nibbles and a plane of
 * fifth bits would take 35.
 *
 * Columns 0–15 and 16–31 are summed apart, for an i16 lane of all would reach 16·31·127 > 2^15; of a half
 * it stays within 31496. x: the activations; xe, xo: columns 0–15 as even and odd bytes; ze, zo: columns 16–31. Leaves a sum in
 * 16 bytes at `out`, see `nibbleRows`.
 * @param lowFive the vector at LOW_FIVE, and so on
 */
@inline
export function fiveBitRows(
  q: usize, x: usize, xe: v128, xo: v128, ze: v128, zo: v128, factors: v128, out: usize,
  lowFive: v128, lowThree: v128, fourthAndFifth: v128, lowBytes: v128,
): v128 {
  let quants = v128.and(v128.load(q), lowFive);
  let first = pairs0(x, xe, xo, quants, lowBytes);
  quants = v128.and(v128.load(q, 16), lowFive);
  first = i16x8.add(first, pairs1(x, xe, xo, quants, lowBytes));
  quants = v128.and(v128.load(q, 32), lowFive);
  first = i16x8.add(first, pairs2(x, xe, xo, quants, lowBytes));
  quants = v128.and(v128.load(q, 48), lowFive);
  first = i16x8.add(first, pairs3(x, xe, xo, quants, lowBytes));
  v128.store(out, first);
  const top = v128.load(q, 64);
  quants = split(v128.load(q), i16x8.shl(top, 3), lowThree, fourthAndFifth);
  let second = pairs0(x + 16, ze, zo, quants, lowBytes);
  quants = split(v128.load(q, 16), i16x8.shl(top, 1), lowThree, fourthAndFifth);
  second = i16x8.add(second, pairs1(x + 16, ze, zo, quants, lowBytes));
  quants = split(v128.load(q, 32), i16x8.shr_u(top, 1), lowThree, fourthAndFifth);
  second = i16x8.add(second, pairs2(x + 16, ze, zo, quants, lowBytes));
  quants = split(v128.load(q, 48), i16x8.shr_u(top, 3), lowThree, fourthAndFifth);
  second = i16x8.add(second, pairs3(x + 16, ze, zo, quants, lowBytes));
  v128.store(out, second);
  return i32x4.add(i32x4.dot_i16x8_s(first, factors), i32x4.dot_i16x8_s(second, factors));
}

/** Quants whose low 3 bits are the top ones of `low`, and whose others stand at their place in `high`. */
@inline
export function split(low: v128, high: v128, lowThree: v128, fourthAndFifth: v128): v128 {
  return v128.or(v128.and(i16x8.shr_u(low, 5), lowThree), v128.and(high, fourthAndFifth));
}
