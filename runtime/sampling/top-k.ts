import type { SamplingStep } from './step.ts';

/** Keeps the `topK` likeliest tokens. */
export const topK: SamplingStep = (candidates, { params }) => {
  if (params.topK > 0) candidates.keep(params.topK);
};
