import { TokenHistory } from '../../runtime/sampling/history.ts';
import type { SamplingMath } from '../../runtime/sampling/math.ts';
import { type SamplingParams, samplingParams } from '../../runtime/sampling/params.ts';
import { Sampler } from '../../runtime/sampling/sampler.ts';

/** The host's functions: near enough for tests that compare a machine with itself. */
export const hostMath: SamplingMath = { exp: Math.exp, log: Math.log };

export const noHistory = new TokenHistory([]);

/** No cut and temperature 1: the model's own distribution. */
export const plain = { temperature: 1, topK: 0, topP: 1, minP: 0 } as const;

export function sampler(overrides: Partial<SamplingParams>, vocabSize = 1024): Sampler {
  return new Sampler(samplingParams(overrides, vocabSize), hostMath);
}

/** Draws `count` tokens from one row and counts them by id. */
export function histogram(row: Float32Array, count: number, overrides: Partial<SamplingParams>): number[] {
  const drawn = sampler(overrides, row.length);
  const counts = new Array<number>(row.length).fill(0);
  for (let i = 0; i < count; i++) counts[drawn.sample(row, noHistory).token]!++;
  return counts;
}

/** Softmax in f64. */
export function softmax(row: Float32Array, temperature = 1): number[] {
  const greatest = Math.max(...row);
  const weights = Array.from(row, (logit) => Math.exp((logit - greatest) / temperature));
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  return weights.map((weight) => weight / total);
}
