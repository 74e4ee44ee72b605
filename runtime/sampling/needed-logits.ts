import type { TokenHistory } from './history.ts';
import type { SamplingParams } from './params.ts';

/**
 * How many of a row's greatest logits decide which token is chosen, so that the others need not be known: those that are
 * kept, and as many as may be lowered beneath others. Undefined if all count: nothing is cut by rank, some logit may be
 * raised, or log-probabilities are asked for.
 */
export function neededLogits(params: SamplingParams, history: TokenHistory): number | undefined {
  const { temperature, topK, topLogprobs } = params;
  const kept = temperature === 0 ? 1 : topK;
  if (kept === 0 || topLogprobs !== undefined || mayRaise(params)) return undefined;
  const { repetitionPenalty, repetitionWindow, presencePenalty, frequencyPenalty, logitBias } = params;
  const repeated = repetitionPenalty === 1 ? 0 : history.recent(repetitionWindow).size;
  const counted = presencePenalty === 0 && frequencyPenalty === 0 ? 0 : history.answerCounts.size;
  return kept + logitBias.size + repeated + counted;
}

function mayRaise(params: SamplingParams): boolean {
  const { repetitionPenalty, presencePenalty, frequencyPenalty, logitBias } = params;
  if (repetitionPenalty < 1 || presencePenalty < 0 || frequencyPenalty < 0) return true;
  return [...logitBias.values()].some((bias) => bias > 0);
}
