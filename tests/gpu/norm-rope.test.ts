import { expect, test } from 'vitest';
import { rmsNorm } from '../../runtime/gpu/wgsl/rms-norm.ts';
import { rope, ropePairs } from '../../runtime/gpu/wgsl/rope.ts';
import { seededFloats, Workspace } from '../kernels/support.ts';
import { describeOnGpus } from './hosts.ts';
import { wordsOf } from './twin.ts';

const wordOf = (value: number) => new Uint32Array(Float32Array.of(value).buffer)[0]!;

/** Of magnitudes far apart, so that additions round. */
function spread(seed: number, length: number): Float32Array {
  return seededFloats(seed, length).map((value, i) => value * 2 ** ((i * 7) % 13));
}

await describeOnGpus('norm and RoPE', (host) => {
  test.each([
    [256, 1, 1],
    [2048, 3, 1],
    [72, 2, 1],
    [16, 1, 2 ** -70],
    [96, 1, 0],
    [160, 2, 2 ** 40],
    [160, 2, 2 ** 70],
  ])('rmsNorm has the bits of its kernel: %d values, %d tokens, times %d', async (size, tokens, times) => {
    const { kernels, arena } = new Workspace('baseline');
    const epsilon = 1e-5;
    const x = spread(size, size * tokens).map((value) => value * times);
    const weight = seededFloats(3, size);
    const [from, by] = [arena.alloc(x.byteLength), arena.alloc(weight.byteLength)];
    arena.f32(from, x.length).set(x);
    arena.f32(by, size).set(weight);
    const [to, scales] = [arena.alloc(x.byteLength), arena.alloc(16 * tokens)];
    kernels.rmsNorm(from, by, to, size, tokens, epsilon, scales);
    const stride = Math.ceil(size / 256) * 256;
    const buffers = [
      wordsOf(arena.u8(from, x.byteLength)),
      wordsOf(arena.u8(by, weight.byteLength)),
      new Uint32Array(tokens * stride),
      new Uint32Array(4 * tokens),
    ];
    const shape = [size, wordOf(epsilon), stride];
    const job = { code: rmsNorm, buffers, shape, groups: [tokens] };
    const normed = await host.run('program', { ...job, output: 2 });
    const rows = Array.from({ length: tokens }, (_, i) => [
      ...normed.subarray(i * stride, i * stride + size),
    ]);
    expect(rows.flat()).toEqual([...wordsOf(arena.u8(to, x.byteLength))]);
    if (times > 0 && times < 2 ** 64) expect(new Set(normed).size).toBeGreaterThan(size / 2);
    const units = await host.run('program', { ...job, output: 3 });
    expect([...units]).toEqual([...wordsOf(arena.u8(scales, 16 * tokens))]);
  });

  test.each([
    [64, 32, 4, 3],
    [128, 16, 1, 2],
    [160, 75, 2, 1],
  ])('rope has the bits of its kernel: heads of %d, %d pairs', async (headDim, pairs, heads, tokens) => {
    const { kernels, arena } = new Workspace('baseline');
    const stride = heads * headDim + 8;
    const x = spread(5, tokens * stride);
    const at = arena.alloc(x.byteLength);
    arena.f32(at, x.length).set(x);
    const frequencies = arena.alloc(8 * pairs, 8);
    arena.f64(frequencies, pairs).set(Float64Array.from({ length: pairs }, (_, i) => 10000 ** (-i / pairs)));
    const positions = Uint32Array.from({ length: tokens }, (_, i) => (i * 5) % 7);
    const tableBytes = 7 * 2 * pairs * 4;
    const table = arena.alloc(tableBytes);
    kernels.ropeTable(table, 100, 7, frequencies, pairs, 1.25);
    const rows = arena.alloc(4 * tokens);
    arena.i32(rows, tokens).set(positions);
    const row = (position: number) => [...wordsOf(arena.u8(table + position * 8 * pairs, 8 * pairs))];
    const angles = Uint32Array.from([...positions].flatMap(row));
    const buffers = [wordsOf(arena.u8(at, x.byteLength)), angles];
    kernels.rope(at, table, rows, heads, headDim, pairs, tokens, stride);
    const shape = [headDim, pairs, stride];
    const groups = [Math.ceil(pairs / ropePairs), heads, tokens];
    const turned = await host.run('program', { code: rope, buffers, shape, groups, output: 0 });
    const expected = wordsOf(arena.u8(at, x.byteLength));
    expect([...turned]).toEqual([...expected]);
    expect([...turned]).not.toEqual([...buffers[0]!]);
  });
});
