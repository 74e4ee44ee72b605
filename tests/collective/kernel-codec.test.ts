import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { KernelCodec } from '../../runtime/collective/kernel-codec.ts';
import { maxPackedBytes } from '../../runtime/collective/plane-codec.ts';
import { HearthError } from '../../runtime/error.ts';
import { Arena } from '../../runtime/kernels/arena.ts';
import { loadKernels } from '../../runtime/kernels/kernels.ts';
import { kernelBytes } from '../support/kernel-bytes.ts';
import { referenceCodec } from './reference-codec.ts';

const maxValues = 100;

function kernelCodec(): KernelCodec {
  const kernels = loadKernels(kernelBytes);
  return new KernelCodec(kernels, new Arena(kernels.memory), maxValues);
}

/** Values of every size, small ones most often. */
const values = fc.array(fc.oneof(fc.constant(0), fc.integer({ min: -70, max: 70 }), fc.integer()), {
  minLength: 1,
  maxLength: maxValues,
});

describe('the kernels’ codec', () => {
  it('packs as its twin does, at any length and size', () => {
    const codec = kernelCodec();
    const { fine, coarse } = codec.allocatePlanes(maxValues);
    fc.assert(
      fc.property(values, (numbers) => {
        const plane = fine.subarray(0, numbers.length);
        plane.set(numbers);
        const packed = codec.pack(plane);
        expect(packed).toEqual(referenceCodec.pack(Int32Array.from(numbers)));
        expect(packed.length).toBeLessThanOrEqual(maxPackedBytes(numbers.length));
        const target = coarse.subarray(0, numbers.length);
        // What follows is not the plane's: the planes of a frame lie one behind the other.
        const source = Uint8Array.from([...packed, 7, 7, 7]);
        expect(codec.unpack(source, target)).toBe(packed.length);
        expect([...target]).toEqual(numbers);
        expect(codec.unpackAdd(source, target)).toBe(packed.length);
        expect([...target]).toEqual(numbers.map((value) => (2 * value) | 0));
      }),
      { numRuns: 300, seed: 21 },
    );
  });

  it('takes and refuses the same bytes as its twin', () => {
    const codec = kernelCodec();
    const { fine } = codec.allocatePlanes(40);
    const widths = fc.array(fc.tuple(fc.integer({ min: 0, max: 34 }), fc.uint8Array({ maxLength: 140 })), {
      maxLength: 2,
    });
    const attempt = (act: () => number): number | string => {
      try {
        return act();
      } catch (error) {
        return error instanceof HearthError ? error.code : 'not a HearthError';
      }
    };
    const outcomes = new Set<string>();
    fc.assert(
      fc.property(widths, (groups) => {
        const source = Uint8Array.from(groups.flatMap(([width, bytes]) => [width, ...bytes]));
        const target = new Int32Array(40);
        const expected = attempt(() => referenceCodec.unpack(source, target));
        expect(attempt(() => codec.unpack(source, fine))).toBe(expected);
        if (typeof expected === 'number') expect(fine).toEqual(target);
        outcomes.add(typeof expected);
      }),
      { numRuns: 1000, seed: 22 },
    );
    expect(outcomes).toEqual(new Set(['number', 'string']));
  });

  it('allocates planes of zeros that stay when memory grows', () => {
    const kernels = loadKernels(kernelBytes);
    const codec = new KernelCodec(kernels, new Arena(kernels.memory), 1 << 18);
    const planes = codec.allocatePlanes(1 << 18);
    expect(planes.fine.length).toBe(1 << 18);
    expect(planes.fine.every((value) => value === 0)).toBe(true);
    planes.coarse.fill(-1);
    expect(codec.unpack(codec.pack(planes.coarse), planes.fine)).toBe((1 << 13) * 5);
  });
});
