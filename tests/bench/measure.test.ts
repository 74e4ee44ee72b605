import { describe, expect, it } from 'vitest';
import { type BenchPlan, measure } from '../../coordinator/bench/measure.ts';
import type { StepInput, StepRunner } from '../../runtime/generation/step-runner.ts';

const plan: BenchPlan = { promptTokens: 20, generateTokens: 4, depth: 0, repetitions: 3 };

const silent = { nowMs: () => 0, diskBytes: () => undefined };

/** Notes each step, which reads 10 bytes; the clock goes on by what `stepMs` says of it. */
function fakeRunner(stepMs: (step: StepInput, index: number) => number) {
  const steps: StepInput[] = [];
  const released: number[] = [];
  let nowMs = 1000;
  const runner: StepRunner = {
    limits: { maxStepTokens: 8, maxSequences: 1, contextLength: 64, kvPages: 1 },
    vocabSize: 50,
    async step(sequences) {
      const step = sequences[0]!;
      nowMs += stepMs(step, steps.length);
      steps.push(step);
      return [];
    },
    release: (slot) => released.push(slot),
  };
  return { runner, steps, released, gauges: { nowMs: () => nowMs, diskBytes: () => 10 * steps.length } };
}

describe('measure', () => {
  it('times prompts and tokens apart', async () => {
    const { runner, gauges } = fakeRunner(({ count }) => (count === 1 ? 50 : count * 2));
    const { prefill, decode } = await measure(runner, plan, gauges);
    expect(prefill).toEqual({
      tokens: 20,
      medianTokensPerSecond: 500,
      minTokensPerSecond: 500,
      maxTokensPerSecond: 500,
      diskBytesPerToken: 1.5,
    });
    expect(decode.tokens).toBe(4);
    expect(decode.medianTokensPerSecond).toBe(20);
  });

  it('tells what is read from the disk for a token, where that is known', async () => {
    const { runner, gauges } = fakeRunner(() => 1);
    const known = await measure(runner, { ...plan, depth: 8 }, gauges);
    expect(known.prefill.diskBytesPerToken).toBe((3 * 10) / 20);
    expect(known.decode.diskBytesPerToken).toBe(10);
    const unknown = await measure(runner, plan, silent);
    expect(unknown.decode.diskBytesPerToken).toBeUndefined();
  });

  it('gives median and range of what was timed, not of the run that warms up', async () => {
    // Of a prompt in one step: 1000 ms to warm up, then 10, 20 and 40.
    const { runner, gauges } = fakeRunner((_, index) => [1000, 10, 40, 20][index] ?? 1);
    const { prefill } = await measure(runner, { ...plan, promptTokens: 8, generateTokens: 1 }, gauges);
    expect(prefill).toMatchObject({
      medianTokensPerSecond: 400,
      minTokensPerSecond: 200,
      maxTokensPerSecond: 800,
    });
  });

  it('takes the mean of the middle two of an even number', async () => {
    const { runner, gauges } = fakeRunner((_, index) => [1, 10, 20][index] ?? 1);
    const { prefill } = await measure(runner, { ...plan, promptTokens: 8, repetitions: 2 }, gauges);
    expect(prefill.medianTokensPerSecond).toBe(600);
  });

  it('reads prompts in the longest steps, with logits of the last token alone', async () => {
    const { runner, steps, released } = fakeRunner(() => 1);
    await measure(runner, plan, silent);
    expect(steps.slice(0, 3).map(({ start, count, logits }) => [start, count, logits])).toEqual([
      [0, 8, 'none'],
      [8, 8, 'none'],
      [16, 4, 'last'],
    ]);
    // Four prompts of three steps, then four times four tokens.
    expect(steps).toHaveLength(4 * 3 + 4 * 4);
    expect(steps.slice(12, 16).map(({ start, count }) => [start, count])).toEqual([
      [0, 1],
      [1, 1],
      [2, 1],
      [3, 1],
    ]);
    expect(released).toEqual([0]);
  });

  it('fills the cache before it generates, and does not time that', async () => {
    const { runner, steps, gauges } = fakeRunner(({ count }) => (count === 1 ? 10 : 1e6));
    const { decode } = await measure(runner, { ...plan, promptTokens: 1, depth: 16 }, gauges);
    expect(steps.slice(4, 7).map(({ start, count }) => [start, count])).toEqual([
      [0, 8],
      [8, 8],
      [16, 1],
    ]);
    expect(decode.maxTokensPerSecond).toBe(100);
  });

  it('tells who watches what is timed, and only that', async () => {
    const { runner, steps } = fakeRunner(() => 1);
    const told: string[] = [];
    const tell = (what: string) => told.push(`${what} after ${steps.length}`);
    const watch = { start: (part: string) => tell(part), stop: async () => void tell('nothing') };
    await measure(runner, { ...plan, promptTokens: 8, depth: 8 }, silent, watch);
    // A prompt to warm up and three; eight positions and four tokens, then three times four.
    expect(told).toEqual(['prefill after 1', 'nothing after 4', 'decode after 9', 'nothing after 21']);
  });

  it('names tokens of the vocabulary, many different ones', async () => {
    const { runner, steps } = fakeRunner(() => 1);
    await measure(runner, plan, silent);
    const tokens = steps.flatMap((step) => step.tokens);
    expect(steps.every((step) => step.tokens.length === step.count)).toBe(true);
    expect(tokens.every((token) => Number.isInteger(token) && token >= 0 && token < 50)).toBe(true);
    expect(new Set(tokens).size).toBeGreaterThan(10);
  });
});
