import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { f16ToF32, f32ToF16, readF16, writeF16 } from '../../runtime/quant/float16.ts';

/** IEEE 754's definition of binary16, in f64. */
function standardValue(bits: number): number {
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits >> 10) & 31;
  const mantissa = bits & 0x3ff;
  if (exponent === 31) return mantissa ? Number.NaN : sign * Number.POSITIVE_INFINITY;
  return sign * (exponent === 0 ? mantissa * 2 ** -24 : (1024 + mantissa) * 2 ** (exponent - 25));
}

const all = Array.from({ length: 0x10000 }, (_, bits) => bits);
const isNaN16 = (bits: number) => Number.isNaN(standardValue(bits));

describe('f16', () => {
  test('has the standard value for every bit pattern', () => {
    expect(all.filter((bits) => !Object.is(f16ToF32(bits), standardValue(bits)))).toEqual([]);
  });

  test('comes back from its value for every bit pattern, NaN as a quiet one', () => {
    expect(all.filter((bits) => !isNaN16(bits) && f32ToF16(f16ToF32(bits)) !== bits)).toEqual([]);
    expect(f32ToF16(Number.NaN) & 0x7fff).toBe(0x7e00);
  });

  test('rounds to the nearest, ties to even, between all neighbours', () => {
    const wrong: number[] = [];
    for (let bits = 0; bits < 0x7c00; bits++) {
      const low = standardValue(bits);
      const high = bits === 0x7bff ? 65536 : standardValue(bits + 1);
      const middle = (low + high) / 2;
      const ulp = middle * 2 ** -23;
      const even = bits & 1 ? bits + 1 : bits;
      if (f32ToF16(middle) !== even) wrong.push(bits);
      if (f32ToF16(middle - ulp) !== bits || f32ToF16(middle + ulp) !== bits + 1) wrong.push(bits);
      if (f32ToF16(-middle) !== (even | 0x8000)) wrong.push(-bits);
    }
    expect(wrong).toEqual([]);
  });

  test.each([
    [0, 0],
    [-0, 0x8000],
    [2 ** -25, 0],
    [2 ** -25 * (1 + 2 ** -23), 1],
    [1e-45, 0],
    [65504, 0x7bff],
    [65519.99, 0x7bff],
    [65520, 0x7c00],
    [-3e38, 0xfc00],
    [Number.POSITIVE_INFINITY, 0x7c00],
    [1e300, 0x7c00],
  ])('of %f is %i', (value, bits) => expect(f32ToF16(value)).toBe(bits));

  test('is the nearest of all f16 for any f32', () => {
    fc.assert(
      fc.property(fc.float({ noNaN: true, min: -65504, max: 65504 }), (value) => {
        const bits = f32ToF16(value);
        const distance = Math.abs(standardValue(bits) - value);
        const neighbours = [bits - 1, bits + 1].filter((other) =>
          Number.isFinite(standardValue(other & 0xffff)),
        );
        expect(neighbours.every((other) => Math.abs(standardValue(other) - value) >= distance)).toBe(true);
      }),
    );
  });

  test('is stored little-endian and reported as it was stored', () => {
    const bytes = new Uint8Array(5);
    expect(writeF16(bytes, 1, 1.0001)).toBe(1);
    expect([...bytes]).toEqual([0, 0x00, 0x3c, 0, 0]);
    expect(readF16(bytes, 1)).toBe(1);
  });
});
