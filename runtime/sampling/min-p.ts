import type { SamplingStep } from './step.ts';

/** Keeps tokens at least `minP` times as probable as the likeliest (Nguyen et al., 2024). */
export const minP: SamplingStep = (candidates, { params, math }) => {
  if (params.minP <= 0) return;
  const { logits } = candidates;
  const least = logits[candidates.best()]! + math.log(params.minP);
  let count = 0;
  if (candidates.whole) {
    for (let token = 0; token < logits.length; token++) if (logits[token]! >= least) count++;
  } else {
    while (count < candidates.length && logits[candidates.ranking(count)]! >= least) count++;
  }
  candidates.keep(count);
};
