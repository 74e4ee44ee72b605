import { describe, expect, it } from 'vitest';
import { Tokenizer } from '../../runtime/tokenizer/tokenizer.ts';
import { smallBpe, smallSpm } from './small-vocabularies.ts';

const LENGTH = 1_000_000;
/** A second or two; quadratic time would be hours. Generous, since test machines are busy. */
const LIMIT_MS = 30_000;

const texts: Record<string, string> = {
  letters: 'a'.repeat(LENGTH),
  'spaces and a word': `${' '.repeat(LENGTH)}x`,
  newlines: '\n'.repeat(LENGTH),
  'mixed white space': '\r\n \t'.repeat(LENGTH / 4),
  digits: '1'.repeat(LENGTH),
  apostrophes: "'".repeat(LENGTH),
  punctuation: '.'.repeat(LENGTH),
  ideographs: '你'.repeat(LENGTH / 2),
  emoji: '😀'.repeat(LENGTH / 2),
  'combining marks': '\u0301'.repeat(LENGTH / 2),
  'lone surrogates': '\ud800'.repeat(LENGTH / 2),
  'special tokens': '<|im_start|>'.repeat(LENGTH / 12),
  'almost special tokens': '<|im_start|'.repeat(LENGTH / 11),
  'user-defined tokens': '<tool>\n'.repeat(LENGTH / 7),
};

const tokenizers = {
  'llama-bpe': new Tokenizer(smallBpe({ pre: 'llama-bpe' })),
  'deepseek-llm': new Tokenizer(smallBpe({ pre: 'deepseek-llm' })),
  // With its space prefix it would put a space after each special token.
  SentencePiece: new Tokenizer(smallSpm({ addSpacePrefix: false })),
};

describe.each(Object.entries(tokenizers))('%s takes a megabyte of', (_, tokenizer) => {
  it.each(Object.entries(texts))(
    '%s',
    (_, text) => {
      const startMs = performance.now();
      const ids = tokenizer.encode(text, { parseSpecial: true });
      const isSame = tokenizer.decode(ids, { special: true }) === text.replace(/\p{Surrogate}/gu, '\ufffd');
      expect(isSame).toBe(true);
      expect(performance.now() - startMs).toBeLessThan(LIMIT_MS);
    },
    2 * LIMIT_MS,
  );
});
