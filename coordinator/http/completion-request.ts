import { z } from 'zod';
import { samplingRanges } from '../../runtime/sampling/params.ts';
import type { Tokenizer } from '../../runtime/tokenizer/tokenizer.ts';
import { completionNoOps, unsupportedField, withoutNoOps } from './no-op-fields.ts';
import { numberIn, samplingFields } from './sampling-fields.ts';
import { validated } from './validate.ts';

/** Prompts of one request. */
const maxPrompts = 64;

const tokenIds = z.array(z.int().min(0)).min(1);

const completionSchema = z.strictObject({
  ...samplingFields,
  prompt: z.union(
    [
      z.string(),
      z.array(z.string()).min(1).max(maxPrompts),
      tokenIds,
      z.array(tokenIds).min(1).max(maxPrompts),
    ],
    { error: `must be a string, a list of token ids, or a list of 1 to ${maxPrompts} of either` },
  ),
  echo: z.boolean().optional(),
  logprobs: numberIn(samplingRanges.topLogprobs).optional(),
});

export type CompletionBody = z.infer<typeof completionSchema>;

/** @throws HearthError REQUEST_INVALID or REQUEST_UNSUPPORTED_FIELD, naming the field */
export function parseCompletionBody(body: Readonly<Record<string, unknown>>): CompletionBody {
  const completion = validated(completionSchema, withoutNoOps(body, completionNoOps));
  if (completion.echo && completion.logprobs !== undefined) {
    throw unsupportedField('echo', ' together with logprobs: there are none of the prompt');
  }
  return completion;
}

export interface CompletionPrompt {
  readonly tokens: readonly number[];
  /** What `echo` repeats. */
  readonly text: string;
}

export function completionPrompts(
  tokenizer: Tokenizer,
  prompt: CompletionBody['prompt'],
): CompletionPrompt[] {
  const prompts = typeof prompt === 'string' || isTokenIds(prompt) ? [prompt] : prompt;
  return prompts.map((one) => {
    if (typeof one !== 'string') return { tokens: one, text: decodeKnown(tokenizer, one) };
    return { tokens: tokenizer.encode(one, { parseSpecial: true, addBos: true }), text: one };
  });
}

function isTokenIds(prompt: readonly unknown[]): prompt is readonly number[] {
  return typeof prompt[0] === 'number';
}

/** Ids beyond the vocabulary have no text; the scheduler refuses them by name. */
function decodeKnown(tokenizer: Tokenizer, tokens: readonly number[]): string {
  return tokenizer.decode(
    tokens.filter((token) => token < tokenizer.size),
    { special: true },
  );
}
