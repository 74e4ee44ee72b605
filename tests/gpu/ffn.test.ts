import { expect, test } from 'vitest';
import { slabsOf } from '../../runtime/gpu/ffn/ffn-slab.ts';
import { quantizeActivations } from '../../runtime/kernels/activations.ts';
import { Arena } from '../../runtime/kernels/arena.ts';
import { loadKernels } from '../../runtime/kernels/kernels.ts';
import { seededFloats } from '../kernels/support.ts';
import { kernelBytes } from '../support/kernel-bytes.ts';
import { type FfnCase, ffnTwin } from './ffn-twin.ts';
import { describeOnGpus } from './hosts.ts';
import { wordsOf } from './twin.ts';

const usual: FfnCase = {
  gate: 'Q4_0',
  down: 'Q4_0',
  activation: 'silu',
  hiddenSize: 256,
  neurons: [256, 256, 96],
  tokens: 1,
  fineBits: 20,
};

test('tiles are put in their order into as few buffers as hold them', () => {
  const { tiles } = ffnTwin(usual).job;
  const [large, , small] = tiles.map(({ bytes }) => bytes.length);
  const sizes = (most: number) => slabsOf(tiles, most).map((slab) => slab.map(({ spec }) => spec.id));
  expect(sizes(128 << 20)).toEqual([[0, 1, 2]]);
  expect(sizes(2 * large!)).toEqual([[0, 1], [2]]);
  expect(sizes(large! + small!)).toEqual([[0], [1, 2]]);
  expect(sizes(large!)).toEqual([[0], [1], [2]]);
});

test('a cut leaves out some neurons, and by far not all', () => {
  const [all, some, few] = [0, 0.05, 10].map((cut) => [...ffnTwin({ ...usual, byRow: true, cut }).fine]);
  expect(some).not.toEqual(all);
  expect(some).not.toEqual(few);
  expect(new Set(few)).toEqual(new Set([0]));
});

await describeOnGpus('FFN tiles', (host) => {
  test.each<[string, Partial<FfnCase>, flags?: number]>([
    ['Q4_0', {}],
    ['Q4_0, several tokens', { tokens: 5 }],
    ['Q8_0', { gate: 'Q8_0', down: 'Q8_0', tokens: 2, fineBits: 12 }],
    ['Q4_K and Q6_K', { gate: 'Q4_K', down: 'Q6_K', neurons: [256, 256], tokens: 3, fineBits: 10 }],
    ['Q4_0 and F16', { down: 'F16', neurons: [256, 8] }],
    ['relu', { activation: 'relu', tokens: 2 }],
    ['relu2', { activation: 'relu2' }],
    ['drelu', { activation: 'drelu' }],
    ['rows of Q4_0', { byRow: true, activation: 'relu' }],
    ['rows of Q4_0, several tokens', { byRow: true, activation: 'relu2', hiddenSize: 288, tokens: 5 }],
    [
      'rows of Q8_0',
      { byRow: true, gate: 'Q8_0', down: 'Q8_0', activation: 'drelu', tokens: 2, fineBits: 14 },
    ],
    ['rows of both', { byRow: true, down: 'Q8_0', activation: 'relu', hiddenSize: 2560, neurons: [256] }],
    ['rows over a cut', { byRow: true, cut: 0.05, tokens: 2 }],
    ['rows without a cut', { byRow: true, tokens: 3 }],
    ['rows beyond the coarse plane', { byRow: true, activation: 'relu', fineBits: 48 }, 3],
    ['values in the coarse plane too', { fineBits: 36, tokens: 2 }, 1],
    ['values beyond it', { fineBits: 48 }, 3],
  ])('are the bits that the kernels add up: %s', async (_, change, expected = 0) => {
    const twin = ffnTwin({ ...usual, ...change });
    const { flags, fine, coarse } = await host.run('ffn', twin.job);
    expect(flags).toBe(twin.flags);
    expect([...fine]).toEqual([...twin.fine]);
    expect([...coarse]).toEqual([...twin.coarse]);
    expect(flags).toBe(expected);
    expect(new Set([...fine, ...coarse]).size).toBeGreaterThan(100);
  });

  test('are the same from several buffers', async () => {
    const twin = ffnTwin({ ...usual, tokens: 2 });
    const bindingBytes = twin.job.tiles[0]!.bytes.length + twin.job.tiles[2]!.bytes.length;
    const { fine } = await host.run('ffn', { ...twin.job, bindingBytes });
    expect([...fine]).toEqual([...twin.fine]);
  });

  test.each(['q8', 'q8k'] as const)('are quantised to %s as the kernels do', async (format) => {
    const kernels = loadKernels(kernelBytes);
    const arena = new Arena(kernels.memory);
    const values = seededFloats(2, 8 * 256);
    values.fill(0, 256, 512);
    for (let i = 512; i < 768; i += 1) values[i]! *= 2 ** -70;
    for (let i = 768; i < 1024; i += 1) values[i]! *= 2 ** 126;
    values[1030] = Number.NaN;
    values[1300] = Number.NEGATIVE_INFINITY;
    // Ties.
    for (let i = 1536; i < 1792; i += 1) values[i] = (i % 127) - 63.5;
    const x = arena.alloc(values.length * 4);
    arena.f32(x, values.length).set(values);
    const bytes = 8 * (format === 'q8' ? 8 * 64 : 352);
    const out = arena.alloc(bytes);
    quantizeActivations(kernels, format, x, out, 256, 8);
    const got = await host.run('quantize', { format, values: wordsOf(arena.u8(x, values.length * 4)) });
    expect([...got]).toEqual([...wordsOf(arena.u8(out, bytes))]);
  });

  test('fail with a code when the GPU is taken away, also later', async () => {
    const { job } = ffnTwin({ ...usual, tokens: 4 });
    expect(await host.run('loss', job)).toEqual({ during: 'GPU_LOST', after: 'GPU_LOST' });
    // And the next device computes again.
    expect((await host.run('ffn', job)).flags).toBe(0);
  });

  test('ask for no more than every WebGPU has', async () => {
    const { maxStorageBufferBindingSize, maxStorageBuffersPerShaderStage } = await host.run('adapter');
    expect(maxStorageBufferBindingSize).toBe(128 << 20);
    expect(maxStorageBuffersPerShaderStage).toBe(8);
  });
});
