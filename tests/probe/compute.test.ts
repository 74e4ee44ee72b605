import { expect, test } from 'vitest';
import { startKernels } from '../../device-agent/node/kernel-files.ts';
import { measureCompute } from '../../device-agent/node/measure-compute.ts';
import { activationBytes, quantizeActivations } from '../../runtime/kernels/activations.ts';
import { Arena } from '../../runtime/kernels/arena.ts';
import { type KernelFormatName, kernelFormats, matmulScratchBytes } from '../../runtime/kernels/formats.ts';
import { type KvFormat, kvFormats } from '../../runtime/kernels/kv-page.ts';

const columns = 2048;
const rows = 1024;

/** Calls a second: those that nothing has held up, once the engine has compiled what they need. */
function callsPerSecond(call: () => void): number {
  const times: number[] = [];
  for (const endMs = performance.now() + 400; performance.now() < endMs; ) {
    const beganMs = performance.now();
    call();
    times.push(performance.now() - beganMs);
  }
  return 1000 / times.sort((a, b) => a - b)[Math.floor(times.length / 10)]!;
}

/** The same matrix again and again, in this thread: bytes and operations a second. */
function directRates(name: KernelFormatName): { decode: number; prefill: number } {
  const kernels = startKernels();
  const arena = new Arena(kernels.memory);
  const { packedBytes, activation, matmul } = kernelFormats[name];
  const bytes = packedBytes(rows, columns);
  const weights = arena.alloc(bytes);
  arena.u8(weights, bytes).fill(0x22);
  const input = arena.alloc(32 * columns * 4);
  const x = activation === 'f32' ? input : arena.alloc(32 * activationBytes(activation, columns));
  const y = arena.alloc(32 * rows * 4);
  const scratch = arena.alloc(matmulScratchBytes(columns));
  arena.f32(input, 32 * columns).fill(0.5);
  if (activation !== 'f32') quantizeActivations(kernels, activation, input, x, columns, 32);
  const multiply = (tokens: number) => () =>
    matmul(kernels, weights, x, y, rows, columns, tokens, rows, scratch);
  return {
    decode: callsPerSecond(multiply(1)) * bytes,
    prefill: callsPerSecond(multiply(32)) * 2 * rows * columns * 32,
  };
}

test.each<[KernelFormatName, KvFormat]>([
  ['Q4_K', 'q8'],
  ['F16', 'f32'],
])(
  'rates of %s are those of its kernels, which is seen without the probe',
  async (name, kvFormat) => {
    const measured = () => measureCompute({ formats: [name], kvFormat, threads: 1, freeBytes: 4e8 });
    // Direct calls find their weights in the cache, and this machine may be busy with other things at any time.
    await expect
      .poll(
        async () => {
          const { kernels, ...others } = await measured();
          expect(others.attentionBytesPerSecond).toBeGreaterThan(1e7);
          expect(others.syncMs).toBeGreaterThan(0);
          expect(others.diskBytesPerSecond).toBe(0);
          const { decode, prefill } = directRates(name);
          const { decodeBytesPerSecond, prefillFlopsPerSecond } = kernels[name]!;
          const ratios = [decodeBytesPerSecond / decode, prefillFlopsPerSecond / prefill];
          return ratios.every((ratio) => ratio > 1 / 5 && ratio < 3) ? 'alike' : ratios;
        },
        { timeout: 30_000 },
      )
      .toBe('alike');
  },
  40_000,
);

test.each(kvFormats)(
  'two threads measure together what is asked for, attention in %s',
  async (kvFormat) => {
    const job = { formats: ['Q8_0', 'IQ4_XS'], kvFormat, freeBytes: 0 } as const;
    const { kernels, syncMs } = await measureCompute({ ...job, threads: 2 });
    expect(Object.keys(kernels)).toEqual(job.formats);
    for (const { decodeBytesPerSecond, prefillFlopsPerSecond } of Object.values(kernels)) {
      expect(decodeBytesPerSecond).toBeGreaterThan(1e7);
      expect(prefillFlopsPerSecond).toBeGreaterThan(1e8);
    }
    expect(syncMs).toBeLessThan(1_000);
  },
  30_000,
);

test('what is aborted ends at once', async () => {
  const abort = new AbortController();
  const formats = Object.keys(kernelFormats) as KernelFormatName[];
  const measuring = measureCompute({ formats, kvFormat: 'f16', threads: 2, freeBytes: 1e9 }, abort.signal);
  abort.abort(new Error('a step came'));
  await expect(measuring).rejects.toThrow();
  await expect(
    measureCompute({ formats, kvFormat: 'f16', threads: 1, freeBytes: 1e9 }, abort.signal),
  ).rejects.toThrow('a step came');
});
