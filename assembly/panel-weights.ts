import { FOURTH_AND_FIFTH, IQ4_LEVELS, LOW_FIVE, LOW_THREE, LOW_TWO, NIBBLES, THIRD_BIT, TOP_BITS } from './constants';
import { split } from './five-bits';
import { lookup } from './simd';

/**
 * How panels take weights of 4 rows: as 8 vectors of bytes for 32 columns, byte 4·row + j of vector v for column
 * 4v + j. Layouts are those of the kernels for single tokens. What says which bits they are is constant in each kernel.
 */

/** Kinds of quants; all but the last two fit 7 bits without a sign. */
export const enum Quants {
  TwoBits,
  ThreeBits,
  Nibbles,
  FiveBits,
  SixBits,
  /** Nibbles that are indices of IQ4's levels. */
  Levels,
  /** int8, in the order of `matmulQ8_0`. */
  Bytes,
}

/** Whether the relaxed dot product of bytes takes such weights. */
@inline
export function fitsBytes(quants: i32): bool {
  return RELAXED && quants < Quants.Levels;
}

/** i16 lanes moved right, or left if `by` is below zero. */
@inline
function shift(lanes: v128, by: i32): v128 {
  if (by == 0) return lanes;
  return by > 0 ? i16x8.shr_u(lanes, by) : i16x8.shl(lanes, -by);
}

/** See `matmulQ2_K`. */
@inline
function twoBits(q: usize, v: i32): v128 {
  return v128.and(shift(v128.load(q), 2 * v), v128.load(LOW_TWO));
}

/** See `matmulQ3_K`. */
@inline
function threeBits(q: usize, v: i32): v128 {
  if (v < 6) return v128.and(shift(v128.load(q + 16 * (v >> 1)), 3 * (v & 1)), v128.load(LOW_THREE));
  const low = shift(v128.load(q + 16 * (v & 1)), 6);
  const third = shift(v128.load(q, 32), 4 + (v & 1));
  return v128.or(v128.and(low, v128.load(LOW_TWO)), v128.and(third, v128.load(THIRD_BIT)));
}

/** See `matmulQ4_0`. */
@inline
function nibbles(q: usize, v: i32): v128 {
  return v128.and(shift(v128.load(q + 16 * (v & 3)), v & 4), v128.load(NIBBLES));
}

/** See `fiveBitRows`. */
@inline
function fiveBits(q: usize, v: i32): v128 {
  const low = v128.load(q + 16 * (v & 3));
  if (v < 4) return v128.and(low, v128.load(LOW_FIVE));
  return split(low, shift(v128.load(q, 64), 2 * v - 11), v128.load(LOW_THREE), v128.load(FOURTH_AND_FIFTH));
}

/** One unit of 16 columns, see `matmulQ6_K`. */
@inline
function sixBits(q: usize, tops: usize, v: i32): v128 {
  const low = shift(v128.load(q + 16 * (v & 1)), 2 * (v & 2));
  const top = shift(v128.load(tops), 2 * v - 4);
  return v128.or(v128.and(low, v128.load(NIBBLES)), v128.and(top, v128.load(TOP_BITS)));
}

/** Bytes between the quants of a group's first 4 rows and those of its last 4. */
@inline
export function halfBytes(quants: i32): usize {
  if (quants == Quants.TwoBits) return 16;
  if (quants == Quants.ThreeBits) return 48;
  if (quants == Quants.FiveBits) return 80;
  if (quants == Quants.SixBits) return 32;
  return quants == Quants.Bytes ? 128 : 64;
}

/**
 * Vector v of 32 columns of 4 rows, whose quants are at q.
 * @param tops where 6-bit quants have their top bits; else unused
 */
@inline
export function unpack(quants: i32, q: usize, tops: usize, v: i32): v128 {
  if (quants == Quants.TwoBits) return twoBits(q + 32 * (v >> 2), v & 3);
  if (quants == Quants.ThreeBits) return threeBits(q, v);
  if (quants == Quants.Nibbles) return nibbles(q, v);
  if (quants == Quants.FiveBits) return fiveBits(q, v);
  if (quants == Quants.SixBits) return sixBits(q + 96 * (v >> 2), tops + 96 * (v >> 2), v & 3);
  if (quants == Quants.Levels) return lookup(v128.load(IQ4_LEVELS), nibbles(q, v));
  return v128.load(q + 16 * v);
}

/** The even bytes as i16, less `zero`. */
@inline
export function evenPairs(bytes: v128, zero: i32): v128 {
  return lessZero(i16x8.shr_s(i16x8.shl(bytes, 8), 8), zero);
}
@inline
export function oddPairs(bytes: v128, zero: i32): v128 {
  return lessZero(i16x8.shr_s(bytes, 8), zero);
}
@inline
function lessZero(pairs: v128, zero: i32): v128 {
  return zero == 0 ? pairs : i16x8.sub(pairs, i16x8.splat(<i16>zero));
}
