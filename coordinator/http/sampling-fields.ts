import { z } from 'zod';
import { stopLimits } from '../../runtime/generation/request.ts';
import {
  logitBiasRange,
  type NumberRange,
  type SamplingParams,
  samplingParams,
  samplingRanges,
} from '../../runtime/sampling/params.ts';
import { invalidField } from './validate.ts';

/** Choices of one prompt. */
const maxChoices = 16;
/** Stop strings of one request. */
const maxStops = 16;
/** Entries of `logit_bias`. */
const maxBiases = 1024;

export function numberIn(range: NumberRange): z.ZodNumber {
  const number = range.integer ? z.int() : z.number();
  return number.min(range.min).max(range.max);
}

const stop = z.string().min(1).max(stopLimits.length);

/** Fields of both completion routes, by OpenAI's names, and llama-server's where OpenAI has none; `exact` is Hearth's own. */
export const samplingFields = {
  model: z.string().max(256).optional(),
  stream: z.boolean().optional(),
  stream_options: z
    .strictObject({ include_usage: z.boolean().optional(), include_obfuscation: z.literal(false).optional() })
    .optional(),
  n: z.int().min(1).max(maxChoices).optional(),
  max_tokens: z.int().min(1).max(2147483647).optional(),
  stop: z
    .union([stop, z.array(stop).max(maxStops)], {
      error: `must be a string of 1 to ${stopLimits.length} characters, or a list of at most ${maxStops}`,
    })
    .optional(),
  temperature: numberIn(samplingRanges.temperature).optional(),
  top_p: numberIn(samplingRanges.topP).optional(),
  top_k: numberIn(samplingRanges.topK).optional(),
  min_p: numberIn(samplingRanges.minP).optional(),
  // −1 asks for a random seed, as absence does.
  seed: numberIn({ ...samplingRanges.seed, min: -1 }).optional(),
  presence_penalty: numberIn(samplingRanges.presencePenalty).optional(),
  frequency_penalty: numberIn(samplingRanges.frequencyPenalty).optional(),
  repetition_penalty: numberIn(samplingRanges.repetitionPenalty).optional(),
  repeat_penalty: numberIn(samplingRanges.repetitionPenalty).optional(),
  repeat_last_n: numberIn(samplingRanges.repetitionWindow).optional(),
  logit_bias: z
    .record(z.string().regex(/^\d{1,7}$/, 'must be a token id'), numberIn(logitBiasRange))
    .optional(),
  exact: z.boolean().optional(),
};

const samplingSchema = z.object(samplingFields);
export type SamplingBody = z.infer<typeof samplingSchema>;

export interface SamplingContext {
  readonly vocabSize: number;
  readonly randomSeed: () => number;
  /** Alternatives wanted with each token's log-probability, if they are wanted at all. */
  readonly topLogprobs: number | undefined;
}

/**
 * One choice's parameters. Choice `i` of a seed is choice 0 of the seed plus `i`.
 * @throws HearthError REQUEST_INVALID naming the field
 */
export function samplingOf(body: SamplingBody, context: SamplingContext): (choice: number) => SamplingParams {
  const { vocabSize } = context;
  if (body.stream_options && !body.stream)
    throw invalidField('stream_options', 'stream_options needs stream: true');
  const repetitionPenalty = sameOrOne(body, 'repetition_penalty', 'repeat_penalty');
  const seed = body.seed === undefined || body.seed < 0 ? context.randomSeed() : body.seed;
  const params = samplingParams(
    defined({
      temperature: body.temperature,
      topK: body.top_k,
      topP: body.top_p,
      minP: body.min_p,
      repetitionPenalty,
      repetitionWindow: body.repeat_last_n,
      presencePenalty: body.presence_penalty,
      frequencyPenalty: body.frequency_penalty,
      logitBias: logitBiasOf(body.logit_bias ?? {}, vocabSize),
      topLogprobs: context.topLogprobs,
    }),
    vocabSize,
  );
  return (choice) => ({ ...params, seed: (seed + choice) % Number.MAX_SAFE_INTEGER });
}

/**
 * Of two names for one thing, whichever is given.
 * @throws HearthError REQUEST_INVALID if both are, and differ
 */
export function sameOrOne<Name extends string>(
  body: { readonly [K in Name]?: number | undefined },
  first: Name,
  second: Name,
): number | undefined {
  const [a, b] = [body[first], body[second]];
  if (a !== undefined && b !== undefined && a !== b) {
    throw invalidField(second, `${first} and ${second} mean the same and differ`);
  }
  return a ?? b;
}

function logitBiasOf(biases: Readonly<Record<string, number>>, vocabSize: number): Map<number, number> {
  const entries = Object.entries(biases).map(([token, bias]) => [Number(token), bias] as const);
  if (entries.length > maxBiases)
    throw invalidField('logit_bias', `logit_bias may have ${maxBiases} entries`);
  for (const [token] of entries) {
    if (token >= vocabSize)
      throw invalidField('logit_bias', `there is no token ${token}; ids end at ${vocabSize - 1}`);
  }
  return new Map(entries);
}

/** Without the entries that are undefined, so that defaults stand. */
function defined<T extends object>(object: T): { [K in keyof T]?: Exclude<T[K], undefined> } {
  const entries = Object.entries(object).filter(([, value]) => value !== undefined);
  return Object.fromEntries(entries) as { [K in keyof T]?: Exclude<T[K], undefined> };
}
