import type { Answer } from '../scheduler/answer.ts';
import type { ServedModel } from './served-model.ts';

/** OpenAI's count of tokens. */
export interface Usage {
  readonly prompt_tokens: number;
  readonly completion_tokens: number;
  readonly total_tokens: number;
  readonly prompt_tokens_details: { readonly cached_tokens: number };
}

/** @param choicesPerPrompt each prompt counts once, however many choices it has */
export function usageOf(answers: readonly Answer[], choicesPerPrompt: number): Usage {
  const usages = answers.map(({ usage }) => usage);
  const prompts = usages.filter((_, index) => index % choicesPerPrompt === 0);
  const prompt_tokens = total(prompts.map(({ promptTokens }) => promptTokens));
  const completion_tokens = total(usages.map(({ answerTokens }) => answerTokens));
  const cached_tokens = total(prompts.map(({ cachedTokens }) => cachedTokens));
  return {
    prompt_tokens,
    completion_tokens,
    total_tokens: prompt_tokens + completion_tokens,
    prompt_tokens_details: { cached_tokens },
  };
}

/** llama-server's measurements of one answer. Waiting for a slot is not counted. */
export interface Timings {
  /** Tokens of the prompt that an earlier request had left computed. */
  readonly cache_n: number;
  /** Tokens of the prompt that were computed, until the first token of the answer. */
  readonly prompt_n: number;
  readonly prompt_ms: number;
  readonly prompt_per_second: number;
  /** Tokens of the answer; their time begins with the first. */
  readonly predicted_n: number;
  readonly predicted_ms: number;
  readonly predicted_per_second: number;
}

export function timingsOf({ usage, times, restored }: Answer): Timings {
  const { admittedMs = times.submittedMs } = times;
  const { firstTokenMs = admittedMs } = times;
  const { lastTokenMs = firstTokenMs } = times;
  const prompt_n = usage.promptTokens - usage.cachedTokens;
  const prompt_ms = firstTokenMs - admittedMs;
  const predicted_ms = lastTokenMs - firstTokenMs;
  return {
    cache_n: usage.cachedTokens,
    prompt_n,
    prompt_ms,
    prompt_per_second: perSecond(prompt_n, prompt_ms),
    predicted_n: usage.answerTokens,
    predicted_ms,
    predicted_per_second: perSecond(usage.answerTokens - restored.tokens - 1, predicted_ms),
  };
}

/** What is said of answers that are not exact; of others, nothing. */
export function exactnessOf({ notExact }: ServedModel): { readonly not_exact?: string } {
  return notExact === undefined ? {} : { not_exact: notExact };
}

function perSecond(count: number, durationMs: number): number {
  return durationMs > 0 ? (count * 1000) / durationMs : 0;
}

function total(numbers: readonly number[]): number {
  return numbers.reduce((sum, number) => sum + number, 0);
}
