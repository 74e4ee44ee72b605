import type { SamplingStep } from './step.ts';
import { weightsOf } from './weights.ts';

/** Nucleus sampling (Holtzman et al., 2019): keeps the fewest likeliest tokens whose probabilities reach `topP`. */
export const topP: SamplingStep = (candidates, { params, math }) => {
  if (params.topP >= 1) return;
  const { each, total } = weightsOf(candidates, math, 1);
  const enough = params.topP * total;
  let weight = 0;
  for (let rank = 0; rank < candidates.length; rank++) {
    weight += each[candidates.whole ? candidates.ranking(rank) : rank]!;
    if (weight >= enough) return candidates.keep(rank + 1);
  }
};
