import { HearthError } from '../error.ts';
import type { SamplingMath } from '../sampling/math.ts';
import type { AnswerVocabulary } from './answer-vocabulary.ts';
import { Generation, type GenerationEvent } from './generation.ts';
import type { GenerationRequest } from './request.ts';
import { kvPageTokens, type RunnerLimits, type StepRunner } from './step-runner.ts';

/** Positions that one sequence can have when it is alone. */
export function longestSequence(limits: RunnerLimits): number {
  return Math.min(limits.contextLength, limits.kvPages * kvPageTokens);
}

export interface GenerateOptions {
  readonly vocabulary: AnswerVocabulary;
  readonly math: SamplingMath;
  readonly signal?: AbortSignal;
}

/**
 * One sequence by itself over a runner that nobody else uses: the whole prompt in chunks, then token by token.
 * @throws HearthError as `Generation` and the runner do; REQUEST_CANCELLED once `signal` is aborted
 */
export async function* generate(
  runner: StepRunner,
  request: GenerationRequest,
  { vocabulary, math, signal }: GenerateOptions,
): AsyncGenerator<GenerationEvent, void, undefined> {
  const limits = { vocabSize: runner.vocabSize, contextLength: longestSequence(runner.limits) };
  const generation = new Generation(request, limits, vocabulary, math);
  const slot = 0;
  let start = 0;
  try {
    while (generation.finished === undefined) {
      if (signal?.aborted) throw new HearthError('REQUEST_CANCELLED', 'the request was cancelled');
      const tokens = generation.tokens.slice(start, start + runner.limits.maxStepTokens);
      const reachesEnd = start + tokens.length === generation.tokens.length;
      const logits = reachesEnd ? 'last' : 'none';
      const best = generation.neededLogits;
      const [row] = await runner.step([{ slot, start, count: tokens.length, logits, best, tokens }]);
      start += tokens.length;
      if (reachesEnd) yield generation.accept(row!);
    }
  } finally {
    runner.release(slot);
  }
}
