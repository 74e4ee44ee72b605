import type { Tokenizer } from '../../runtime/tokenizer/tokenizer.ts';

/**
 * The tokens of a rendered chat. Templates may or may not write the beginning-of-text token: where the vocabulary
 * wants one, the prompt gets exactly one. An end-of-text token is never added, since the answer is still to come.
 *
 * @throws HearthError REQUEST_TOO_LARGE
 */
export function encodeChat(tokenizer: Tokenizer, rendered: string): number[] {
  const ids = tokenizer.encode(rendered, { parseSpecial: true });
  const isMissing = tokenizer.addBos && ids[0] !== tokenizer.bosId;
  return isMissing ? [tokenizer.bosId!, ...ids] : ids;
}

/** The variables that a template gets from the vocabulary. */
export function markTokens(tokenizer: Tokenizer): { bosToken: string; eosToken: string } {
  const text = (id: number | undefined): string => (id === undefined ? '' : tokenizer.tokenText(id));
  return { bosToken: text(tokenizer.bosId), eosToken: text(tokenizer.eosId) };
}
