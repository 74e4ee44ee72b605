import { bestTokens } from './best-tokens.ts';
import type { SamplingMath } from './math.ts';

export interface TokenLogprob {
  readonly token: number;
  /** Natural logarithm of its probability; at most 0. */
  readonly logprob: number;
}

export interface TokenLogprobs extends TokenLogprob {
  /** The likeliest tokens at this place, best first. */
  readonly top: readonly TokenLogprob[];
}

/**
 * Log-probabilities of a chosen token and of the `topCount` likeliest, by the model's own distribution: before
 * bias, penalties, cuts and temperature, as OpenAI gives them.
 * @param row float32 [vocabSize], all finite
 */
export function tokenLogprobs(
  row: Float32Array,
  token: number,
  topCount: number,
  math: SamplingMath,
): TokenLogprobs {
  const best = bestTokens(row, Math.min(Math.max(topCount, 1), row.length));
  const greatest = row[best[0]!]!;
  let total = 0;
  for (let id = 0; id < row.length; id++) total += math.exp(row[id]! - greatest);
  const logTotal = math.log(total);
  const of = (id: number): TokenLogprob => ({ token: id, logprob: row[id]! - greatest - logTotal });
  return { ...of(token), top: Array.from(best.subarray(0, topCount), of) };
}
