import type { Candidates } from './candidates.ts';
import type { SamplingMath } from './math.ts';

/** What each candidate weighs in a draw, before division by the sum of all. */
export interface Weights {
  /** exp((logit − greatest) / temperature); by token id if all tokens are candidates, else by rank. */
  readonly each: Float64Array;
  /** Their sum, added in the order of `each`, so that its bits are the same everywhere. */
  readonly total: number;
}

export function weightsOf(candidates: Candidates, math: SamplingMath, temperature: number): Weights {
  const { logits, whole, length } = candidates;
  const greatest = logits[candidates.best()]!;
  const each = new Float64Array(length);
  let total = 0;
  for (let index = 0; index < length; index++) {
    const token = whole ? index : candidates.ranking(index);
    const weight = math.exp((logits[token]! - greatest) / temperature);
    each[index] = weight;
    total += weight;
  }
  return { each, total };
}
