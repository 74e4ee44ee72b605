import { expect, test } from 'vitest';
import { kernelBytes } from '../support/kernel-bytes.ts';
import { predictedModel } from '../support/predicted-model.ts';
import { type SyntheticModelOptions, smallShape, syntheticModel } from '../support/synthetic-model.ts';
import { describeOnGpus } from './hosts.ts';
import { type LogitsJob, lentLogits } from './lent-logits.ts';

/** Tokens from a generator, so that no two are alike for long. */
const tokens = (count: number, seed: number) =>
  Array.from({ length: count }, (_, i) => (seed * 7919 + i * 104729) % 511);

/** A prompt of more than a call, single tokens, two sequences side by side, and into a second page. */
const steps = [
  tokens(34, 1),
  [3],
  tokens(5, 2),
  [[250], tokens(9, 3)],
  [[8], [77]],
  [[12], tokens(4, 4)],
  tokens(25, 5),
  [401],
];
const tokenCount = steps.flat(2).length;
/** Warm-up aside: one for each 32 tokens of a step. */
const calls = 2 + 7;
const clock = { nowMs: () => 0, wait: async () => {} };

async function jobOf(
  shape: Partial<SyntheticModelOptions>,
  job: Partial<LogitsJob> = {},
): Promise<LogitsJob> {
  const model = await syntheticModel({ ...smallShape, seed: 11, ...shape });
  return { model, kernels: kernelBytes, steps, tiles: 0, whole: [1, 80], ...job };
}

/** What the processor gives, by itself. */
const alone = async (job: LogitsJob) => (await lentLogits(undefined, clock, job)).digest;

await describeOnGpus('whole layers on a GPU', (host) => {
  test.each<[string, Partial<SyntheticModelOptions>, Partial<LogitsJob>?]>([
    ['Q8_0 with biases', { type: 'Q8_0', architecture: 'qwen2' }],
    ['Q4_K and Q6_K', { type: (role) => (role === 'value' || role === 'down' ? 'Q6_K' : 'Q4_K') }],
    ['F16', { type: 'F16', ropeFactors: true, headCount: 2, headDim: 32, intermediateSize: 256 }],
    ['ReLU and pages of float32', { type: 'Q4_0', activation: 'relu' }, { kvFormat: 'f32' }],
    ['neurons in rows', { type: 'Q4_0', activation: 'relu2', neuronRows: true }],
    ['a narrow residual', { type: 'Q4_0', hiddenSize: 288, headDim: 64 }],
  ])('have the bits of the processor: %s', async (_, shape, options) => {
    const job = await jobOf(shape, options);
    const { digest, submissions, writtenBytes, losses } = await host.run('logits', job);
    expect(digest).toBe(await alone(job));
    expect(losses).toEqual([]);
    expect(submissions).toBe(calls);
    // Residuals, angles and places, but no page: what the GPU has computed it has.
    expect(writtenBytes).toBeLessThan(tokenCount * 3000);
  });

  test('choose neurons by predictors as the processor does', async () => {
    const model = await predictedModel({ ...smallShape, type: 'Q4_0', activation: 'relu' });
    const job = { ...(await jobOf({})), model, approximation: { threshold: 0 } };
    const { digest, submissions } = await host.run('logits', job);
    expect(digest).toBe(await alone(job));
    expect(submissions).toBe(calls);
  });

  test('go on from what the processor has computed, and it from them', async () => {
    const job = await jobOf({ type: 'Q4_0' });
    const expected = await alone(job);
    for (const [whole, submissions] of [
      [[1, 1], 2],
      [[2, 80], calls - 2],
      [[3, 20], 3],
    ] as const) {
      const result = await host.run('logits', { ...job, whole });
      expect(result.digest).toBe(expected);
      // Pages of the processor's, too.
      expect(result.writtenBytes).toBeGreaterThan(tokenCount * 3000);
      expect(result.submissions).toBe(submissions);
    }
  });

  test.each([0, 3])('are computed here when the GPU is lost in step %d', async (loseAt) => {
    const job = await jobOf({ type: 'Q4_0' });
    const { digest, submissions, losses } = await host.run('logits', { ...job, loseAt });
    expect(digest).toBe(await alone(job));
    expect(losses).toEqual(['GPU_LOST']);
    expect(submissions).toBeLessThan(calls);
  });

  test('are not lent where pages have 8 bits: then tiles are', async () => {
    const job = await jobOf({ type: 'Q4_0' }, { kvFormat: 'q8', tiles: 1 });
    const { digest, submissions } = await host.run('logits', job);
    expect(digest).toBe(await alone(job));
    expect(submissions).toBe(2 * steps.length);
  });
});
