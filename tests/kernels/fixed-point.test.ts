import { describe, expect, test } from 'vitest';
import { addendOf } from './reference/fixed-point.ts';
import { expectSameBits, onBothBuilds, seededFloats, seededRandom } from './support.ts';

const exponents = [-3, 2];
const scalesOf = (exponent: number): number[] =>
  [16 - exponent, exponent - 16, 4 - exponent, exponent - 4].map((e) => 2 ** e);
const scales = exponents.flatMap(scalesOf);
const sizes = [1, 3, 4, 7, 64, 130];
const bound = Math.floor((2 ** 31 - 1) / 12);

interface Sums {
  readonly fine: Int32Array;
  readonly coarse: Int32Array;
  readonly flags: number;
}

/** Adds partials [count of scales, size] one after the other to sums that start at `start`. */
function addPartials(partials: readonly Float32Array[], size: number, limit: number, start = 0): Sums {
  const length = partials[0]!.length;
  const all = onBothBuilds((workspace) => {
    const fine = workspace.i32(new Int32Array(length).fill(start));
    const coarse = workspace.i32(new Int32Array(length).fill(start));
    const scalesPointer = workspace.f32(scales);
    let flags = 0;
    for (const partial of partials) {
      const pointer = workspace.f32(partial);
      flags |= workspace.kernels.addPartial(pointer, fine, coarse, size, length / size, scalesPointer, limit);
    }
    return Int32Array.of(...workspace.readI32(fine, length), ...workspace.readI32(coarse, length), flags);
  });
  return { fine: all.slice(0, length), coarse: all.slice(length, 2 * length), flags: all[2 * length]! };
}

function expectedSums(partials: readonly Float32Array[], size: number, limit: number, start = 0): Sums {
  const length = partials[0]!.length;
  const fine = new Int32Array(length).fill(start);
  const coarse = new Int32Array(length).fill(start);
  let flags = 0;
  for (const partial of partials) {
    partial.forEach((value, i) => {
      const exponent = exponents[Math.floor(i / size)]!;
      const addend = addendOf(value, { fine: 2 ** (16 - exponent), coarse: 2 ** (4 - exponent) }, limit);
      fine[i]! += addend.fine;
      coarse[i]! += addend.coarse;
      flags |= addend.flags;
    });
  }
  return { fine, coarse, flags };
}

describe('addPartial', () => {
  test.each(sizes)('adds rounded values of %d elements to the fine sum', (size) => {
    const partials = [1, 2, 3].map((seed) => seededFloats(seed + size, 2 * size));
    const sums = addPartials(partials, size, bound, 5);
    expect(sums).toEqual(expectedSums(partials, size, bound, 5));
    expect(sums.flags).toBe(0);
  });

  test.each(sizes)('takes the coarse sum for what is large, of %d elements', (size) => {
    const partials = [1, 2].map((seed) => {
      const random = seededRandom(seed + size);
      return seededFloats(seed, 2 * size).map((value) => (random() < 0.3 ? value * 2 ** 17 : value));
    });
    partials[0]![size] = 2 ** 20;
    const sums = addPartials(partials, size, bound);
    expect(sums).toEqual(expectedSums(partials, size, bound));
    expect(sums.flags).toBe(1);
  });

  test.each([Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, 3e38, -3e38])(
    'flags %d',
    (bad) => {
      for (const at of [0, 6, 7]) {
        const partial = seededFloats(9, 14);
        partial[at] = bad;
        const sums = addPartials([partial], 7, bound);
        expect(sums).toEqual(expectedSums([partial], 7, bound));
        expect(sums.flags).toBe(2);
      }
    },
  );

  test('keeps to its bound exactly', () => {
    // Bounds that no f32 can hold: the next f32 above must not pass.
    for (const limit of [2 ** 31 - 1, 2 ** 30 - 1, 2 ** 24 + 1, 1000, 0]) {
      const values = [limit, limit + 1, limit - 1, -limit, -limit - 1, 0, 2 ** 31, -(2 ** 31)];
      const partial = Float32Array.from(
        [...values, ...values],
        (value, i) => value * 2 ** (exponents[i >> 3]! - 16),
      );
      expect(addPartials([partial], 8, limit)).toEqual(expectedSums([partial], 8, limit));
    }
  });

  test('rounds ties to even', () => {
    const partial = Float32Array.from([0.5, 1.5, 2.5, -0.5, -1.5, -2.5, 3.5, 4.5], (v) => v * 2 ** (-3 - 16));
    const sums = addPartials([Float32Array.of(...partial, ...partial.map((v) => v * 32))], 8, bound);
    expect([...sums.fine]).toEqual([0, 2, 2, 0, -2, -2, 4, 4, 0, 2, 2, 0, -2, -2, 4, 4]);
  });

  test('any order and any grouping of tiles gives the same sums', () => {
    const partials = [1, 2, 3, 4, 5].map((seed) => seededFloats(seed, 40, 1e4));
    const forward = addPartials(partials, 20, bound);
    expect(addPartials(partials.toReversed(), 20, bound)).toEqual(forward);
    const left = addPartials(partials.slice(0, 2), 20, bound);
    const right = addPartials(partials.slice(2), 20, bound);
    const together = onBothBuilds((workspace) => {
      const target = workspace.i32(left.fine);
      workspace.kernels.addInt32(target, workspace.i32(right.fine), 40);
      return workspace.readI32(target, 40);
    });
    expect(together).toEqual(forward.fine);
  });
});

describe('applySum', () => {
  const apply = (x: Float32Array, fine: Int32Array, coarse: Int32Array, useCoarse: number): Float32Array =>
    onBothBuilds((workspace) => {
      const pointer = workspace.f32(x);
      const size = x.length / 2;
      workspace.kernels.applySum(
        pointer,
        workspace.i32(fine),
        workspace.i32(coarse),
        useCoarse,
        size,
        2,
        workspace.f32(scales),
      );
      return workspace.readF32(pointer, x.length);
    });
  const integers = (seed: number, length: number): Int32Array => {
    const random = seededRandom(seed);
    return Int32Array.from({ length }, () => (random() - 0.5) * 2 ** 32);
  };

  test.each(sizes)('adds both sums of %d elements in f32, fine first', (size) => {
    const x = seededFloats(size, 2 * size, 1e4);
    const fine = integers(size, 2 * size);
    const coarse = integers(size + 1, 2 * size);
    for (const useCoarse of [0, 1]) {
      apply(x, fine, coarse, useCoarse).forEach((value, i) => {
        const exponent = exponents[Math.floor(i / size)]!;
        let expected = Math.fround(x[i]! + Math.fround(fine[i]!) * 2 ** (exponent - 16));
        if (useCoarse) expected = Math.fround(expected + Math.fround(coarse[i]!) * 2 ** (exponent - 4));
        expect(value).toBe(expected);
      });
    }
  });

  test('a coarse sum of zeros changes no bit', () => {
    const x = seededFloats(3, 20);
    x[4] = -0;
    const fine = integers(4, 20);
    fine[4] = 0;
    const zeros = new Int32Array(20);
    expectSameBits(apply(x, fine, zeros, 0), apply(x, fine, zeros, 1));
  });
});

test.each(sizes)('addInt32 adds %d integers and wraps around', (length) => {
  const a = Int32Array.from({ length }, (_, i) => 2 ** 31 - 1 - i);
  const b = Int32Array.from({ length }, (_, i) => 3 * i + 1);
  const sum = onBothBuilds((workspace) => {
    const target = workspace.i32(a);
    workspace.kernels.addInt32(target, workspace.i32(b), length);
    return workspace.readI32(target, length);
  });
  expect(sum).toEqual(a.map((value, i) => (value + b[i]!) | 0));
});
