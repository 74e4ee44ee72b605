import { HearthError } from '../error.ts';

/** How tokens are chosen. Each value's range is in `samplingRanges`. */
export interface SamplingParams {
  /** Divides the logits; 0 always takes the likeliest token. */
  readonly temperature: number;
  /** Keeps the so many likeliest tokens; 0 keeps all. */
  readonly topK: number;
  /** Keeps the fewest likeliest tokens that together reach this probability; 1 keeps all. */
  readonly topP: number;
  /** Keeps tokens at least this probable relative to the likeliest; 0 keeps all. */
  readonly minP: number;
  /** Divides positive and multiplies negative logits of tokens seen recently; 1 does nothing. */
  readonly repetitionPenalty: number;
  /** Tokens, of prompt and answer, that `repetitionPenalty` looks back on. */
  readonly repetitionWindow: number;
  /** Taken from the logit of every token that the answer holds already. */
  readonly presencePenalty: number;
  /** Taken from a token's logit once for each time that the answer holds it already. */
  readonly frequencyPenalty: number;
  /** Added to the logits of these token ids. */
  readonly logitBias: ReadonlyMap<number, number>;
  /** The same seed, prompt and model give the same tokens. */
  readonly seed: number;
  /** How many alternatives to report with each token's log-probability; absent: report none at all. */
  readonly topLogprobs?: number;
}

export interface NumberRange {
  /** Least and greatest value allowed. */
  readonly min: number;
  readonly max: number;
  readonly integer?: true;
}

type NumericParam = Exclude<keyof SamplingParams, 'logitBias'>;

export const samplingRanges = {
  temperature: { min: 0, max: 2 },
  topK: { min: 0, max: 2097152, integer: true },
  topP: { min: 0, max: 1 },
  minP: { min: 0, max: 1 },
  repetitionPenalty: { min: 0.01, max: 100 },
  repetitionWindow: { min: 0, max: 2097152, integer: true },
  presencePenalty: { min: -2, max: 2 },
  frequencyPenalty: { min: -2, max: 2 },
  seed: { min: 0, max: Number.MAX_SAFE_INTEGER, integer: true },
  topLogprobs: { min: 0, max: 20, integer: true },
} as const satisfies Record<NumericParam, NumberRange>;

export const logitBiasRange: NumberRange = { min: -100, max: 100 };

/** llama-server's defaults: unlike OpenAI's (temperature 1, nothing cut), they suit small quantised models. */
export const defaultSampling: SamplingParams = {
  temperature: 0.8,
  topK: 40,
  topP: 0.95,
  minP: 0.05,
  repetitionPenalty: 1,
  repetitionWindow: 64,
  presencePenalty: 0,
  frequencyPenalty: 0,
  logitBias: new Map(),
  seed: 0,
};

/**
 * The defaults with `overrides` in their place, every value checked.
 * @throws HearthError REQUEST_INVALID naming the field
 */
export function samplingParams(overrides: Partial<SamplingParams>, vocabSize: number): SamplingParams {
  const params = { ...defaultSampling, ...overrides };
  for (const [name, range] of Object.entries(samplingRanges) as [NumericParam, NumberRange][]) {
    const value = params[name];
    if (name === 'topLogprobs' && value === undefined) continue;
    checkNumber(name, value, range);
  }
  for (const [token, bias] of params.logitBias) {
    checkNumber('logitBias token', token, { min: 0, max: vocabSize - 1, integer: true });
    checkNumber('logitBias', bias, logitBiasRange);
  }
  return params;
}

function checkNumber(field: string, value: unknown, range: NumberRange): void {
  const inRange = typeof value === 'number' && value >= range.min && value <= range.max;
  if (inRange && (!range.integer || Number.isInteger(value))) return;
  const kind = range.integer ? 'an integer' : 'a number';
  throw new HearthError('REQUEST_INVALID', `${field} must be ${kind} in [${range.min}, ${range.max}]`, {
    field,
  });
}
