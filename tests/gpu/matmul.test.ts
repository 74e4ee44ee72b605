import { describe, expect, test } from 'vitest';
import type { KernelFormatName } from '../../runtime/kernels/formats.ts';
import { kernelFormats, paddedRowCount } from '../../runtime/kernels/formats.ts';
import { rowProducts } from '../../runtime/gpu/wgsl/row-products.ts';
import { randomMatrix } from '../kernels/reference/random-matrix.ts';
import { seededFloats } from '../kernels/support.ts';
import { describeOnGpus } from './hosts.ts';
import { exactProduct, type Matrix, productOf } from './twin.ts';

const formats = Object.keys(rowProducts) as KernelFormatName[];

function makeMatrix(format: KernelFormatName, rows: number, blocks: number, seed: number, scale?: number) {
  const { blockColumns } = kernelFormats[format];
  const columns = blockColumns === 1 ? 32 * blocks - 1 : blocks * blockColumns;
  return { format, rows, columns, source: randomMatrix(format, rows, columns, seed, scale) };
}

/**
 * Roundings of a row, in units of Σ |w · x| · 2^-24: of a block at most 6, and one for each addition; of Q4_K, whose
 * two terms may cancel, 4 times as many.
 */
function bound({ format, columns }: Matrix): number {
  const additions = columns / kernelFormats[format].blockColumns;
  return (additions + 8) * (format === 'Q4_K' ? 4 : 1) * 2 ** -24;
}

/** NaN is as good as any other. */
function plain(bits: Uint32Array): number[] {
  return Array.from(bits, (value) => ((value & 0x7fffffff) >>> 0 > 0x7f800000 ? 0x7fc00000 : value));
}

await describeOnGpus('matmul', (host) => {
  describe.each(formats)('%s', (format) => {
    test.each([
      [1, 8, 1],
      [2, 11, 1],
      [3, 70, 5],
      [5, 136, 4],
    ])(
      'has the bits of the AssemblyScript kernel: %d blocks, %d rows, %d tokens',
      async (blocks, rows, tokens) => {
        const matrix = makeMatrix(format, rows, blocks, 31 * blocks + rows);
        const x = seededFloats(tokens + 5, tokens * matrix.columns);
        const { output, ...buffers } = productOf(matrix, x);
        for (const packedDots of [true, false]) {
          const got = await host.run('matmul', { ...matrix, tokens, ...buffers }, packedDots);
          expect([...got]).toEqual([...output]);
        }
        expect(new Set(output).size).toBeGreaterThan(0.9 * rows * tokens);
      },
    );

    test('agrees with the f64 reference', async () => {
      const matrix = makeMatrix(format, 40, 3, 7);
      const tokens = 3;
      const x = seededFloats(9, tokens * matrix.columns);
      const { output, ...buffers } = productOf(matrix, x);
      const got = new Float32Array(
        (await host.run('matmul', { ...matrix, tokens, ...buffers })).slice().buffer,
      );
      const { y, mass } = exactProduct(matrix, x);
      const stride = paddedRowCount(matrix.rows);
      y.forEach((value, i) => {
        const at = Math.floor(i / matrix.rows) * stride + (i % matrix.rows);
        expect(Math.abs(got[at]! - value)).toBeLessThanOrEqual(bound(matrix) * mass[i]!);
      });
      expect(output.length).toBe(got.length);
    });

    test.each([
      ['subnormal halves', 2 ** -20, 1],
      ['large weights', 60, 1],
      ['tiny activations', 0.01, 2 ** -40],
      ['tiny activations and scales, whose products are subnormal', 2 ** -20, 2 ** -58],
      ['huge activations', 0.01, 2 ** 60],
      ['activations beyond what a scale can hold', 50, 2 ** 110],
    ])('has them with %s', async (_, scale, deviation) => {
      const matrix = makeMatrix(format, 24, 3, 3, scale);
      const x = seededFloats(4, 2 * matrix.columns, deviation);
      const { output, ...buffers } = productOf(matrix, x);
      const got = await host.run('matmul', { ...matrix, tokens: 2, ...buffers });
      expect(plain(got)).toEqual(plain(output));
    });

    test('shows a NaN and an infinity in one token alone', async () => {
      const matrix = makeMatrix(format, 8, 2, 6);
      for (const bad of [Number.NaN, Number.POSITIVE_INFINITY]) {
        const x = seededFloats(7, 5 * matrix.columns);
        x[matrix.columns + 3] = bad;
        const { output, ...buffers } = productOf(matrix, x);
        const got = await host.run('matmul', { ...matrix, tokens: 5, ...buffers });
        expect(plain(got)).toEqual(plain(output));
        const finite = new Float32Array(got.slice().buffer).map((value) => (Number.isFinite(value) ? 1 : 0));
        expect([...finite]).toEqual(Array.from({ length: 40 }, (_, i) => (i >> 3 === 1 ? 0 : 1)));
      }
    });
  });
});
