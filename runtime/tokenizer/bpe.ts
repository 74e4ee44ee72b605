import { HearthError } from '../error.ts';
import { characterOfByte } from './byte-alphabet.ts';
import { type MergeRules, Merger } from './merger.ts';
import { PairIndex } from './pair-index.ts';
import { type PreTokenizer, splitWords } from './pre-tokenizers.ts';
import type { Vocabulary } from './vocabulary.ts';

const MAX_MERGES = 1 << 21;
const utf8 = new TextEncoder();

/**
 * Byte-level BPE as GPT-2 introduced it: text falls into words, words into bytes, and the neighbours whose merge
 * stands first in the list merge first. Nothing merges across words.
 *
 * Source: the behaviour of llama.cpp's `llm_tokenizer_bpe_session` (src/llama-vocab.cpp), except that plain text
 * never becomes a control token, and that a merged piece which is no token falls back to the characters of the
 * byte alphabet that are (llama.cpp finds the ASCII ones only).
 */
export class BpeEncoder {
  readonly #vocabulary: Vocabulary;
  readonly #preTokenizer: PreTokenizer;
  readonly #rules: ListedMerges;
  readonly #merger: Merger;
  readonly #symbolOfByte: Int32Array;

  /** @throws HearthError TOKENIZER_BAD_VOCABULARY if there are no merges or too many */
  constructor(vocabulary: Vocabulary, merges: readonly string[] | undefined, preTokenizer: PreTokenizer) {
    if (merges === undefined || merges.length > MAX_MERGES) {
      throw new HearthError(
        'TOKENIZER_BAD_VOCABULARY',
        `A gpt2 vocabulary needs a list of at most ${MAX_MERGES} merges; this one has ${merges?.length ?? 'none'}.`,
      );
    }
    this.#vocabulary = vocabulary;
    this.#preTokenizer = preTokenizer;
    this.#rules = new ListedMerges(vocabulary, merges);
    this.#merger = new Merger(this.#rules);
    this.#symbolOfByte = Int32Array.from({ length: 256 }, (_, byte) =>
      this.#rules.symbol(characterOfByte(byte)),
    );
  }

  encode(text: string, ids: number[]): void {
    for (const word of splitWords(text, this.#preTokenizer.patterns)) {
      const bytes = utf8.encode(word);
      const whole = this.#preTokenizer.ignoreMerges ? this.#findPlain(inAlphabet(bytes)) : undefined;
      if (whole !== undefined) ids.push(whole);
      else this.#encodeWord(bytes, ids);
    }
  }

  #encodeWord(bytes: Uint8Array, ids: number[]): void {
    const symbols = new Int32Array(bytes.length);
    for (let i = 0; i < bytes.length; i++) symbols[i] = this.#symbolOfByte[bytes[i]!]!;
    this.#merger.merge(symbols, (symbol) => {
      if (symbol < this.#vocabulary.size) ids.push(symbol);
      else this.#spell(this.#rules.text(symbol), ids);
    });
  }

  /** Bytes that have no token vanish: some vocabularies leave out those that are rare or no UTF-8 at all. */
  #spell(text: string, ids: number[]): void {
    for (const character of text) {
      const id = this.#findPlain(character);
      if (id !== undefined) ids.push(id);
    }
  }

  #findPlain(text: string): number | undefined {
    const id = this.#vocabulary.find(text);
    return id !== undefined && this.#vocabulary.isPlain(id) ? id : undefined;
  }
}

function inAlphabet(bytes: Uint8Array): string {
  let text = '';
  for (const byte of bytes) text += characterOfByte(byte);
  return text;
}

/** The merges of a vocabulary, numbered by their place in its list. */
class ListedMerges implements MergeRules {
  readonly #vocabulary: Vocabulary;
  /** Texts that merges name though no plain token has them: symbols from `vocabulary.size` on. */
  readonly #tokenless: string[] = [];
  readonly #symbolOfTokenless = new Map<string, number>();
  readonly #pairs: PairIndex;
  readonly #results: Int32Array;

  constructor(vocabulary: Vocabulary, merges: readonly string[]) {
    this.#vocabulary = vocabulary;
    this.#pairs = new PairIndex(merges.length);
    this.#results = new Int32Array(merges.length);
    for (const [index, merge] of merges.entries()) {
      // The left part may itself be a space in old files, never empty.
      const gap = merge.indexOf(' ', 1);
      if (gap < 0 || gap === merge.length - 1) continue;
      const left = merge.slice(0, gap);
      const right = merge.slice(gap + 1);
      if (!this.#pairs.add(this.symbol(left), this.symbol(right), index)) continue;
      this.#results[index] = this.symbol(left + right);
    }
  }

  symbol(text: string): number {
    const token = this.#vocabulary.find(text);
    if (token !== undefined && this.#vocabulary.isPlain(token)) return token;
    const known = this.#symbolOfTokenless.get(text);
    if (known !== undefined) return known;
    const symbol = this.#vocabulary.size + this.#tokenless.push(text) - 1;
    this.#symbolOfTokenless.set(text, symbol);
    return symbol;
  }

  /** The text of a symbol that is no token. */
  text(symbol: number): string {
    return this.#tokenless[symbol - this.#vocabulary.size]!;
  }

  find(left: number, right: number): number {
    if (left < 0 || right < 0) return -1;
    return this.#pairs.find(left, right);
  }

  priority(merge: number): number {
    return merge;
  }

  result(merge: number): number {
    return this.#results[merge]!;
  }
}
