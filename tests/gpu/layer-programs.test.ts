import { expect, test } from 'vitest';
import { appliedValues, applySums } from '../../runtime/gpu/wgsl/apply-sums.ts';
import { project, projectedRows } from '../../runtime/gpu/wgsl/project.ts';
import { rowProducts } from '../../runtime/gpu/wgsl/row-products.ts';
import { storedPairs, storeKv } from '../../runtime/gpu/wgsl/store-kv.ts';
import { kernelFormats, paddedRowCount } from '../../runtime/kernels/formats.ts';
import { kvKernels, kvPageBytes } from '../../runtime/kernels/kv-page.ts';
import { randomMatrix } from '../kernels/reference/random-matrix.ts';
import { seededFloats, Workspace } from '../kernels/support.ts';
import { describeOnGpus } from './hosts.ts';
import { productOf, wordsOf } from './twin.ts';

/** Values of all magnitudes that halves have, and beyond: subnormal ones, ties, infinities, and what is not a number. */
function halves(seed: number, length: number): Float32Array {
  const special = [
    0,
    -0,
    65504,
    65519,
    65520,
    -1e9,
    Infinity,
    -Infinity,
    Number.NaN,
    2 ** -25,
    3 * 2 ** -25,
    1 + 2 ** -11,
  ];
  return seededFloats(seed, length).map((value, i) => special[i % 29] ?? value * 2 ** (((i * 5) % 40) - 30));
}

await describeOnGpus('programs of whole layers', (host) => {
  test.each([
    ['f16', 64],
    ['f16', 20],
    ['f32', 32],
  ] as const)('storeKv has the bits of its kernel: %s, heads of %d', async (format, headDim) => {
    const [heads, tokens, pages] = [2, 5, 3];
    const workspace = new Workspace('baseline');
    const { arena, kernels } = workspace;
    const pageBytes = kvPageBytes(headDim, format);
    const base = workspace.room(heads * pages * pageBytes);
    const before = wordsOf(arena.u8(base, heads * pages * pageBytes));
    const [k, v] = [halves(1, tokens * heads * headDim), halves(2, tokens * heads * headDim)];
    // Neighbours that share a word, and one in another page.
    const places = [
      [2, 6],
      [2, 7],
      [0, 63],
      [1, 0],
      [1, 1],
    ] as const;
    const [kAt, vAt] = [workspace.f32(k), workspace.f32(v)];
    places.forEach(([page, inPage], token) => {
      for (let head = 0; head < heads; head += 1) {
        const at = 4 * headDim * (token * heads + head);
        const target = base + (head * pages + page) * pageBytes;
        kvKernels(kernels, format).store(target, kAt + at, vAt + at, inPage, headDim);
      }
    });
    const seats = Uint32Array.from(places.flatMap(([page, inPage]) => [0, 0, page, inPage]));
    const stored = await host.run('program', {
      code: storeKv(format),
      buffers: [wordsOf(arena.u8(kAt, k.byteLength)), wordsOf(arena.u8(vAt, v.byteLength)), seats, before],
      shape: [headDim, heads, pageBytes / 4, (pages * pageBytes) / 4],
      call: [tokens, 0],
      groups: [Math.ceil((heads * headDim) / 2 / storedPairs)],
      output: 3,
    });
    expect([...stored]).toEqual([...wordsOf(arena.u8(base, heads * pages * pageBytes))]);
    expect([...stored]).not.toEqual([...before]);
  });

  test.each(['Q4_0', 'Q6_K'] as const)(
    'project has the bits of its kernels, per tile: %s',
    async (format) => {
      const { blockColumns } = kernelFormats[format];
      const [rows, columns, tokens] = [24, 2 * blockColumns, 5];
      const source = randomMatrix(format, rows, columns, 3);
      const { packed, input, output } = productOf(
        { format, rows, columns, source },
        seededFloats(6, tokens * columns),
      );
      const bias = seededFloats(7, rows);
      const padded = paddedRowCount(rows);
      // The same matrix twice: once with a bias, behind 3 columns of nothing.
      const weights = Uint32Array.from([...packed, ...new Uint32Array(bias.buffer)]);
      const places = [0, rows, 0, 3, 0, rows, packed.length, 3 + rows];
      const stride = 3 + 2 * rows;
      for (const together of [1, 4]) {
        const got = await host.run('program', {
          code: project(rowProducts[format]!, together, true),
          buffers: [weights, Uint32Array.from(places), input, new Uint32Array(tokens * stride)],
          shape: [columns / rowProducts[format]!.blockColumns, input.length / tokens, stride],
          call: [tokens, 0],
          groups: [Math.ceil(rows / projectedRows), Math.ceil(tokens / together), 2],
          output: 3,
        });
        const values = new Float32Array(Uint32Array.from(output).buffer);
        const expected = Array.from({ length: tokens }, (_, t) => {
          const row = values.subarray(t * padded, t * padded + rows);
          return [0, 0, 0, ...row, ...row.map((value, i) => value + bias[i]!)];
        });
        expect([...new Float32Array(Uint32Array.from(got).buffer)]).toEqual(expected.flat());
      }
    },
  );

  test('applySums has the bits of its kernel, and leaves zeros', async () => {
    const [size, tokens] = [100, 3];
    const { arena, kernels } = new Workspace('baseline');
    const x = seededFloats(4, size * tokens);
    x[7] = -0;
    const sums = Int32Array.from(seededFloats(5, 2 * size * tokens), (value, i) =>
      i % 3 === 0 ? 0 : Math.round(value * 2 ** (8 + (i % 23))),
    );
    const scales = Array.from({ length: tokens }, (_, t) => [
      2 ** (16 - t),
      2 ** (t - 16),
      2 ** (4 - t),
      2 ** (t - 4),
    ]);
    const [xAt, fine, scalesAt] = [
      arena.alloc(x.byteLength),
      arena.alloc(sums.byteLength),
      arena.alloc(16 * tokens),
    ];
    const coarse = fine + 4 * size * tokens;
    arena.f32(xAt, x.length).set(x);
    arena.i32(fine, sums.length).set(sums);
    arena.f32(scalesAt, 4 * tokens).set(scales.flat());
    const flagged = Uint32Array.from([5, ...wordsOf(arena.u8(fine, sums.byteLength))]);
    const buffers = [wordsOf(arena.u8(xAt, x.byteLength)), flagged, wordsOf(arena.u8(scalesAt, 16 * tokens))];
    kernels.applySum(xAt, fine, coarse, 1, size, tokens, scalesAt);
    const job = {
      code: applySums,
      buffers,
      shape: [size],
      call: [tokens, 0],
      groups: [Math.ceil(size / appliedValues), tokens],
    };
    const applied = await host.run('program', { ...job, output: 0 });
    expect([...applied]).toEqual([...wordsOf(arena.u8(xAt, x.byteLength))]);
    expect([...applied]).not.toEqual([...buffers[0]!]);
    const left = await host.run('program', { ...job, output: 1 });
    expect([...left]).toEqual([5, ...new Array<number>(sums.length).fill(0)]);
  });
});
