/**
 * The constants area: bytes [64, 1024) of the memory, filled once by `init`. V8 builds a `v128.const` anew at
 * every use inside a loop (three instructions), but keeps a vector that was loaded before the loop in a
 * register; so kernels load their constants from here. The first 64 KiB of every memory belong to the
 * kernels.
 */

/** Each byte 0x0f: one nibble per byte. */
export const NIBBLES: usize = 64;
/** Each i16 lane 1: a dot product with it adds neighbours. */
export const ONES: usize = 80;
/** Each i32 lane 0x8fffe000: sign, 5 exponent bits and 10 mantissa bits of a half moved into a float. */
export const HALF_BITS: usize = 96;
/** Each i16 lane 0xff00. */
export const HIGH_BYTES: usize = 112;
/** Each i16 lane 0x00ff. */
export const LOW_BYTES: usize = 128;
/** Each byte 0x30: the two top bits of a 6-bit quant. */
export const TOP_BITS: usize = 144;
/** Each i16 lane 0x000f: the first of its four nibbles. */
export const LOW_NIBBLES: usize = 160;
/** Fourteen vectors for `expF32`, each an f32 splat; the order is that of `exp-f32.ts`. */
export const EXP: usize = 176;
/** Each byte 0x03, 0x04, 0x07, 0x18, 0x1f: parts of quants of 2, 3 and 5 bits. */
export const LOW_TWO: usize = 400;
export const THIRD_BIT: usize = 416;
export const LOW_THREE: usize = 432;
export const FOURTH_AND_FIFTH: usize = 448;
export const LOW_FIVE: usize = 464;
/** The 16 int8 levels of IQ4_NL and IQ4_XS. Source: ggml-common.h, kvalues_iq4nl. */
export const IQ4_LEVELS: usize = 480;

/** Activation streams hold scale · 2^51, see `weightScales`. */
export const STREAM_SCALE: f32 = 2251799813685248.0;
/** 1.5 · 2^23: adding it rounds |x| ≤ 2^22 to the nearest integer, ties to even, in the low mantissa bits. */
export const ROUNDING: f32 = 12582912.0;
/** The bits of ROUNDING. */
export const ROUNDING_BITS: i32 = 0x4b400000;

@inline
function storeSplat(address: usize, value: f32): void {
  v128.store(address, f32x4.splat(value));
}

/** Must be called once per memory before any kernel; calling it again changes nothing. */
export function init(): void {
  v128.store(NIBBLES, i8x16.splat(15));
  v128.store(ONES, i16x8.splat(1));
  v128.store(HALF_BITS, i32x4.splat(0x8fffe000));
  v128.store(HIGH_BYTES, i16x8.splat(<i16>0xff00));
  v128.store(LOW_BYTES, i16x8.splat(0x00ff));
  v128.store(TOP_BITS, i8x16.splat(0x30));
  v128.store(LOW_NIBBLES, i16x8.splat(15));
  v128.store(LOW_TWO, i8x16.splat(3));
  v128.store(THIRD_BIT, i8x16.splat(4));
  v128.store(LOW_THREE, i8x16.splat(7));
  v128.store(FOURTH_AND_FIFTH, i8x16.splat(0x18));
  v128.store(LOW_FIVE, i8x16.splat(0x1f));
  v128.store(IQ4_LEVELS, i8x16(-127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113));
  storeSplat(EXP, 1.44269504088896341); // log2(e)
  storeSplat(EXP + 16, ROUNDING);
  storeSplat(EXP + 32, 0.693359375); // ln(2), high part: 9 bits, so its product with n is exact
  storeSplat(EXP + 48, -2.12194440e-4); // ln(2), low part
  storeSplat(EXP + 64, 1.9875691500e-4);
  storeSplat(EXP + 80, 1.3981999507e-3);
  storeSplat(EXP + 96, 8.3334519073e-3);
  storeSplat(EXP + 112, 4.1665795894e-2);
  storeSplat(EXP + 128, 1.6666665459e-1);
  storeSplat(EXP + 144, 5.0000001201e-1);
  storeSplat(EXP + 160, 1.0);
  storeSplat(EXP + 176, 88.75); // above: infinity
  storeSplat(EXP + 192, -87.25); // below: zero
  v128.store(EXP + 208, i32x4.splat(127 - ROUNDING_BITS));
}
