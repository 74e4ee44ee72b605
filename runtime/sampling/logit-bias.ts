import type { SamplingStep } from './step.ts';

/** Adds the request's bias to the logits that it names. */
export const logitBias: SamplingStep = (candidates, { params }) => {
  for (const [token, bias] of params.logitBias) candidates.edit(token, (logit) => logit + bias);
};
