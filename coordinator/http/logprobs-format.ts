import type { AnswerLogprobs } from '../../runtime/generation/generation.ts';
import type { TokenLogprob } from '../../runtime/sampling/logprobs.ts';
import type { Tokenizer } from '../../runtime/tokenizer/tokenizer.ts';

/** What OpenAI gives for a token that is all but impossible; JSON has no infinity. */
const leastLogprob = -9999;

interface ChatTokenLogprob {
  readonly token: string;
  readonly logprob: number;
  /** UTF-8; part of a character where the token is. */
  readonly bytes: readonly number[];
}

export interface ChatLogprobs {
  readonly content: readonly (ChatTokenLogprob & { readonly top_logprobs: readonly ChatTokenLogprob[] })[];
  readonly refusal: null;
}

export function chatLogprobs(tokenizer: Tokenizer, entries: readonly AnswerLogprobs[]): ChatLogprobs {
  const one = ({ token, logprob }: TokenLogprob): ChatTokenLogprob => ({
    token: tokenText(tokenizer, token),
    logprob: Math.max(logprob, leastLogprob),
    bytes: [...tokenizer.tokenBytes(token)],
  });
  const content = entries.map((entry) => ({ ...one(entry), top_logprobs: entry.top.map(one) }));
  return { content, refusal: null };
}

export interface CompletionLogprobs {
  readonly tokens: readonly string[];
  readonly token_logprobs: readonly number[];
  readonly top_logprobs: readonly Readonly<Record<string, number>>[];
  /** Where each token begins in the choice's text, in UTF-16 units. */
  readonly text_offset: readonly number[];
}

export function completionLogprobs(
  tokenizer: Tokenizer,
  entries: readonly AnswerLogprobs[],
): CompletionLogprobs {
  return {
    tokens: entries.map(({ token }) => tokenText(tokenizer, token)),
    token_logprobs: entries.map(({ logprob }) => Math.max(logprob, leastLogprob)),
    // fromEntries defines properties, so a token named __proto__ is one like any other.
    top_logprobs: entries.map(({ top }) =>
      Object.fromEntries(
        top.map(({ token, logprob }) => [tokenText(tokenizer, token), Math.max(logprob, leastLogprob)]),
      ),
    ),
    text_offset: entries.map(({ textStart }) => textStart),
  };
}

/** A token by itself; bytes that are no whole character show as U+FFFD. */
function tokenText(tokenizer: Tokenizer, token: number): string {
  return new TextDecoder('utf-8', { ignoreBOM: true }).decode(tokenizer.tokenBytes(token));
}
