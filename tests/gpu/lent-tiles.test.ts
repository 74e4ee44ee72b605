import { beforeAll, expect, test } from 'vitest';
import type { DeviceRates } from '../../runtime/protocol/probe-messages.ts';
import { kernelBytes } from '../support/kernel-bytes.ts';
import { predictedModel } from '../support/predicted-model.ts';
import { type SyntheticModelOptions, smallShape, syntheticModel } from '../support/synthetic-model.ts';
import { describeOnGpus } from './hosts.ts';
import { type LogitsJob, lentLogits } from './lent-logits.ts';

const steps = [[5, 17, 300, 2, 41, 99, 7], [3], [250], [8, 77], [12], [401]];
const clock = { nowMs: () => 0, wait: async () => {} };
let job: LogitsJob;
let alone: string;

beforeAll(async () => {
  const model = await syntheticModel({ ...smallShape, intermediateSize: 640, type: 'Q4_0', seed: 5 });
  job = { model, kernels: kernelBytes, steps, tiles: 0 };
  alone = (await lentLogits(undefined, clock, job)).digest;
});

await describeOnGpus('a rank that lends FFN tiles to a GPU', (host) => {
  test.each([1, 2, 9])('has the same bits with %d tiles of each layer lent', async (tiles) => {
    const { digest, submissions, losses } = await host.run('logits', { ...job, tiles });
    expect(digest).toBe(alone);
    expect(submissions).toBe(2 * steps.length);
    expect(losses).toEqual([]);
  });

  test.each<[string, Partial<SyntheticModelOptions>]>([
    ['ReLU', { activation: 'relu', type: 'Q4_0' }],
    ['SiLU', { type: 'Q8_0' }],
  ])('has the same bits where neurons stand in rows: %s', async (_, shape) => {
    const model = await syntheticModel({ ...smallShape, intermediateSize: 640, neuronRows: true, ...shape });
    const expected = await lentLogits(undefined, clock, { ...job, model });
    const { digest, submissions } = await host.run('logits', { ...job, model, tiles: 2 });
    expect(digest).toBe(expected.digest);
    expect(submissions).toBe(2 * steps.length);
  });

  test.each<[string, Partial<SyntheticModelOptions>, rank?: number]>([
    ['a cut', { type: 'Q4_0' }],
    ['predictors', { type: 'Q4_0', activation: 'relu' }],
    ['wide predictors', { type: 'Q8_0', activation: 'drelu', hiddenSize: 288 }, 288],
  ])('leaves out what the processor does by %s', async (_, shape, rank) => {
    const model = await predictedModel({ ...smallShape, ...shape }, rank);
    const own = { ...job, model, approximation: { threshold: 0.1 } };
    const expected = await lentLogits(undefined, clock, own);
    const { digest, submissions } = await host.run('logits', { ...own, tiles: 1 });
    expect(digest).toBe(expected.digest);
    expect(submissions).toBe(2 * steps.length);
    const exact = await lentLogits(undefined, clock, { ...job, model });
    expect(exact.digest).not.toBe(digest);
  });

  test('lends what a step is worth', async () => {
    const { digest, submissions } = await host.run('logits', { ...job, tiles: 0, batchTiles: 2 });
    expect(digest).toBe(alone);
    expect(submissions).toBe(2 * steps.filter(({ length }) => length > 1).length);
    const less = await host.run('logits', { ...job, tiles: 3, batchTiles: 1 });
    expect(less.digest).toBe(alone);
    expect(less.submissions).toBe(2 * steps.length);
  });

  test('chooses by what was measured', async () => {
    const slow = { decodeBytesPerSecond: 1e9, prefillFlopsPerSecond: 1e10 };
    const ratesOf = (gpu: Partial<typeof slow>): DeviceRates => ({
      kernels: { Q4_0: slow },
      gpu: { name: 'GPU', memoryBytes: 1e9, syncMs: 0.001, kernels: { Q4_0: { ...slow, ...gpu } } },
      attentionBytesPerSecond: 1e9,
      diskBytesPerSecond: 0,
      syncMs: 0,
    });
    const singles = steps.filter(({ length }) => length === 1).length;
    for (const [rates, submissions] of [
      [ratesOf({ decodeBytesPerSecond: 1e11, prefillFlopsPerSecond: 1e8 }), 2 * singles],
      [ratesOf({ decodeBytesPerSecond: 1e7, prefillFlopsPerSecond: 1e12 }), 2 * (steps.length - singles)],
      [ratesOf({ decodeBytesPerSecond: 1e7, prefillFlopsPerSecond: 1e8 }), 0],
    ] as const) {
      const result = await host.run('logits', { ...job, rates });
      expect(result.digest).toBe(alone);
      expect(result.submissions).toBe(submissions);
    }
  });

  test('has them when the GPU neither answers nor is lost', async () => {
    const { digest, submissions, losses } = await host.run('logits', { ...job, tiles: 2, hangAt: 4 });
    expect(digest).toBe(alone);
    expect(losses).toEqual(['GPU_LOST']);
    expect(submissions).toBe(2 * 4 + 1);
  });

  test.each([0, 3])('has them when the GPU is lost in step %d', async (loseAt) => {
    const { digest, submissions, losses } = await host.run('logits', { ...job, tiles: 2, loseAt });
    expect(digest).toBe(alone);
    expect(losses).toEqual(['GPU_LOST']);
    expect(submissions).toBeLessThan(2 * steps.length);
    expect(submissions).toBeGreaterThan(2 * loseAt);
  });

  test('computes by itself what a GPU does not know', async () => {
    const model = await syntheticModel({ ...smallShape, type: 'Q5_0', seed: 5 });
    const expected = await lentLogits(undefined, clock, { ...job, model });
    const { digest, submissions } = await host.run('logits', { ...job, model, tiles: 2 });
    expect(digest).toBe(expected.digest);
    expect(digest).not.toBe(alone);
    expect(submissions).toBe(0);
  });

  test('is measured before', async () => {
    const rates = await host.run('rates', { format: 'Q4_0' });
    const { syncMs, decodeBytesPerSecond, prefillFlopsPerSecond } = rates;
    process.stderr.write(
      `${host.name}: sync ${syncMs.toFixed(2)} ms, Q4_0 ${(decodeBytesPerSecond / 1e9).toFixed(2)} GB/s\n`,
    );
    expect(syncMs).toBeGreaterThan(0);
    expect(syncMs).toBeLessThan(1000);
    expect(decodeBytesPerSecond).toBeGreaterThan(1e5);
    expect(decodeBytesPerSecond).toBeLessThan(1e12);
    expect(prefillFlopsPerSecond).toBeGreaterThan(1e5);
    expect(prefillFlopsPerSecond).toBeLessThan(1e15);
  });
});
