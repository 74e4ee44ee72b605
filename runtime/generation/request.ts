import { HearthError } from '../error.ts';
import type { SamplingParams } from '../sampling/params.ts';

/** One answer to compute. */
export interface GenerationRequest {
  /** Token ids, at least one. */
  readonly prompt: readonly number[];
  readonly sampling: SamplingParams;
  /** The answer ends before any of these. */
  readonly stop: readonly string[];
  /** Tokens of the longest answer, at least 1; absent: what the context leaves. */
  readonly maxTokens?: number;
}

export const stopLimits = {
  /** Stop strings of one answer: the client's and the chat template's. */
  count: 32,
  /** UTF-16 units of one stop string. */
  length: 256,
} as const;

/** Sizes that a request has to fit in. */
export interface GenerationLimits {
  readonly vocabSize: number;
  /** Positions of the longest sequence, prompt and answer. */
  readonly contextLength: number;
}

/**
 * Tokens that the answer may have.
 * @throws HearthError REQUEST_INVALID naming the field; CONTEXT_FULL if the prompt leaves no place
 */
export function answerTokenLimit(request: GenerationRequest, limits: GenerationLimits): number {
  checkPrompt(request.prompt, limits);
  checkStops(request.stop);
  const wanted = request.maxTokens ?? limits.contextLength;
  if (!Number.isInteger(wanted) || wanted < 1) {
    throw invalid('maxTokens', 'maxTokens must be a whole number of at least 1');
  }
  return Math.min(wanted, limits.contextLength - request.prompt.length);
}

function checkPrompt(prompt: readonly number[], { vocabSize, contextLength }: GenerationLimits): void {
  if (prompt.length === 0) throw invalid('prompt', 'the prompt must have at least one token');
  const isToken = (id: number): boolean => Number.isInteger(id) && id >= 0 && id < vocabSize;
  if (!prompt.every(isToken)) throw invalid('prompt', `the prompt's tokens must be in [0, ${vocabSize})`);
  if (prompt.length < contextLength) return;
  throw new HearthError(
    'CONTEXT_FULL',
    `the prompt has ${prompt.length} tokens, but prompt and answer together can have ${contextLength}: shorten it`,
    { promptTokens: prompt.length, contextLength },
  );
}

function checkStops(stops: readonly string[]): void {
  const fits = stops.every((stop) => stop.length > 0 && stop.length <= stopLimits.length);
  if (stops.length > stopLimits.count || !fits) {
    const { count, length } = stopLimits;
    throw invalid('stop', `there may be ${count} stop strings, each with 1 to ${length} characters`);
  }
  // Half a character never comes by itself, so it could neither match nor be cut at.
  if (stops.some((stop) => /\p{Surrogate}/u.test(stop))) {
    throw invalid('stop', 'a stop string holds half a surrogate pair');
  }
}

function invalid(field: string, message: string): HearthError {
  return new HearthError('REQUEST_INVALID', message, { field });
}
