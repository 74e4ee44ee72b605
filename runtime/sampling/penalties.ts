import type { SamplingStep } from './step.ts';

/** Repetition penalty (Keskar et al., CTRL, 2019) over the last tokens of prompt and answer. */
export const repetitionPenalty: SamplingStep = (candidates, { params, history }) => {
  const penalty = params.repetitionPenalty;
  if (penalty === 1) return;
  for (const token of history.recent(params.repetitionWindow)) {
    candidates.edit(token, (logit) => (logit > 0 ? logit / penalty : logit * penalty));
  }
};

/** OpenAI's presence and frequency penalties, over the answer so far. */
export const countPenalties: SamplingStep = (candidates, { params, history }) => {
  const { presencePenalty, frequencyPenalty } = params;
  if (presencePenalty === 0 && frequencyPenalty === 0) return;
  for (const [token, count] of history.answerCounts) {
    candidates.edit(token, (logit) => logit - count * frequencyPenalty - presencePenalty);
  }
};
