import { roundTo } from './rounding.ts';

/**
 * IEEE 754 binary16, which JavaScript lacks on the runtimes supported here. Every f16 is an exact f32; the other
 * way rounds to nearest, ties to even, with infinities, NaN and subnormals as the standard has them.
 */

const scratchF32 = new Float32Array(1);
const scratchBits = new Uint32Array(scratchF32.buffer);

const F16_SIGN = 0x8000;
const F16_INFINITY = 0x7c00;
const F16_QUIET_NAN = 0x7e00;
/** f32 bits of 65520, the smallest magnitude that rounds to infinity. */
const OVERFLOW_F32_BITS = 0x477ff000;
/** f32 bits of 2^-14, the smallest normal f16. */
const SMALLEST_NORMAL_F32_BITS = 0x38800000;
/** Difference of the exponent biases, 127 - 15, at its place in an f32. */
const BIAS_F32_BITS = 112 << 23;
const SUBNORMALS_PER_ONE = 0x1000000;

/** 65536 f32: one look-up a value is faster than shifting, and the table is built in under a millisecond. */
const f32OfF16 = new Float32Array(0x10000);
const f32BitsOfF16 = new Uint32Array(f32OfF16.buffer);
for (let bits = 0; bits < 0x10000; bits++) {
  const sign = (bits & F16_SIGN) << 16;
  const exponent = (bits >> 10) & 31;
  const mantissa = bits & 0x3ff;
  if (exponent === 0) {
    f32OfF16[bits] = (sign === 0 ? mantissa : -mantissa) / SUBNORMALS_PER_ONE;
  } else {
    const f32Exponent = exponent === 31 ? 255 : exponent + 112;
    f32BitsOfF16[bits] = sign | (f32Exponent << 23) | (mantissa << 13);
  }
}

/** @param bits 0..65535 */
export function f16ToF32(bits: number): number {
  return f32OfF16[bits]!;
}

/** @returns f16 bits, 0..65535, of `value` rounded to f32 first and then to f16, as C code on floats does */
export function f32ToF16(value: number): number {
  scratchF32[0] = value;
  const bits = scratchBits[0]!;
  const sign = (bits >>> 16) & F16_SIGN;
  const magnitude = bits & 0x7fffffff;
  if (magnitude > 0x7f800000) return sign | F16_QUIET_NAN;
  if (magnitude >= OVERFLOW_F32_BITS) return sign | F16_INFINITY;
  if (magnitude < SMALLEST_NORMAL_F32_BITS) {
    const subnormals = Math.abs(scratchF32[0]) * SUBNORMALS_PER_ONE;
    return sign | roundTo(subnormals, 0, 0x400);
  }
  const halfUlpTiesToEven = 0xfff + ((magnitude >>> 13) & 1);
  return sign | ((magnitude - BIAS_F32_BITS + halfUlpTiesToEven) >>> 13);
}

/** The f16 at `offset`, little-endian, as an f32 value. */
export function readF16(bytes: Uint8Array, offset: number): number {
  return f32OfF16[bytes[offset]! | (bytes[offset + 1]! << 8)]!;
}

/** Writes `value` as an f16 at `offset`, little-endian. @returns the value that was stored, after rounding */
export function writeF16(bytes: Uint8Array, offset: number, value: number): number {
  const bits = f32ToF16(value);
  bytes[offset] = bits;
  bytes[offset + 1] = bits >> 8;
  return f32OfF16[bits]!;
}
