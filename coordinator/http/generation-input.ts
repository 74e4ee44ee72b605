import type { GenerationRequest } from '../../runtime/generation/request.ts';
import type { ApiContext } from './context.ts';
import { type SamplingBody, samplingOf } from './sampling-fields.ts';
import type { ServedModel } from './served-model.ts';
import { invalidField } from './validate.ts';

/** What both completion routes make of their requests. */
export interface GenerationInput {
  /** Token ids of each prompt. */
  readonly prompts: readonly (readonly number[])[];
  readonly body: SamplingBody;
  /** Stop strings besides the request's own. */
  readonly stops: readonly string[];
  readonly maxTokens: number | undefined;
  readonly topLogprobs: number | undefined;
}

/**
 * One request for each choice: the first prompt's choices, then the second's.
 * @throws HearthError REQUEST_INVALID naming the field
 */
export function generationRequests(
  { prompts, body, stops, maxTokens, topLogprobs }: GenerationInput,
  model: ServedModel,
  { randomSeed }: Pick<ApiContext, 'randomSeed'>,
): GenerationRequest[] {
  if (body.exact && model.notExact !== undefined)
    throw invalidField('exact', `answers here are not exact: ${model.notExact}`);
  const sampling = samplingOf(body, { vocabSize: model.scheduler.limits.vocabSize, randomSeed, topLogprobs });
  const own = typeof body.stop === 'string' ? [body.stop] : (body.stop ?? []);
  const stop = [...own, ...stops];
  const limit = maxTokens === undefined ? {} : { maxTokens };
  const choices = Array.from({ length: body.n ?? 1 }, (_, choice) => sampling(choice));
  return prompts.flatMap((prompt) => choices.map((one) => ({ prompt, sampling: one, stop, ...limit })));
}
