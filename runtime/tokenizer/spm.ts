import { HearthError } from '../error.ts';
import { type MergeRules, Merger } from './merger.ts';
import type { Vocabulary } from './vocabulary.ts';

const SPACE_MARK = '▁';
/** A character that is in no token: it merges with nothing and is spelled in bytes. */
const FOREIGN = -1;
/** Bounds the remembered pairs; text uses far fewer different ones. */
const MAX_KNOWN_PAIRS = 1 << 18;
const utf8 = new TextEncoder();

/**
 * SentencePiece's BPE as Llama 2, Mistral and Gemma use it: spaces become `▁`, text falls into characters, and
 * the neighbours whose union is the token with the highest score merge first. What no token holds becomes bytes.
 *
 * Source: the behaviour of llama.cpp's `llm_tokenizer_spm` (src/llama-vocab.cpp), except that plain text never
 * becomes a control or byte token, which SentencePiece itself rules out too.
 */
export class SpmEncoder {
  readonly #vocabulary: Vocabulary;
  readonly #merger: Merger;
  readonly #symbolOfCharacter = new Map<string, number>();
  readonly #byteIds: (number | undefined)[];

  /**
   * @param scores [vocabulary.size], all equal if absent
   * @throws HearthError TOKENIZER_BAD_VOCABULARY if some text would have no tokens: no byte and no unknown token
   */
  constructor(vocabulary: Vocabulary, scores: ArrayLike<number> | undefined) {
    this.#vocabulary = vocabulary;
    this.#byteIds = Array.from({ length: 256 }, (_, byte) => findByte(vocabulary, byte));
    if (vocabulary.unknownId === undefined && this.#byteIds.includes(undefined)) {
      throw new HearthError(
        'TOKENIZER_BAD_VOCABULARY',
        "The model's vocabulary has neither an unknown token nor a token for each byte, so it cannot write all text.",
      );
    }
    const texts = this.#collectSymbols();
    this.#merger = new Merger(new ScoreRules(vocabulary, texts, scores));
  }

  encode(text: string, ids: number[]): void {
    const characters = [...text.replaceAll(' ', SPACE_MARK)];
    const symbols = new Int32Array(characters.length);
    for (const [i, character] of characters.entries()) {
      symbols[i] = this.#symbolOfCharacter.get(character) ?? FOREIGN;
    }
    this.#merger.merge(symbols, (symbol, position) => {
      if (symbol >= 0 && symbol < this.#vocabulary.size) ids.push(symbol);
      else this.#spell(characters[position]!, ids);
    });
  }

  /** Symbols are the tokens and, after them, those characters of tokens that are no tokens themselves. */
  #collectSymbols(): string[] {
    const vocabulary = this.#vocabulary;
    const texts = Array.from({ length: vocabulary.size }, (_, id) => vocabulary.text(id));
    for (let id = 0; id < vocabulary.size; id++) {
      if (!vocabulary.isPlain(id)) continue;
      for (const character of texts[id]!) {
        if (this.#symbolOfCharacter.has(character)) continue;
        const token = vocabulary.find(character);
        const isToken = token !== undefined && vocabulary.isPlain(token);
        this.#symbolOfCharacter.set(character, isToken ? token : texts.push(character) - 1);
      }
    }
    return texts;
  }

  #spell(character: string, ids: number[]): void {
    const spelled = Array.from(utf8.encode(character), (byte) => this.#byteIds[byte]);
    const complete = spelled.filter((id) => id !== undefined);
    if (complete.length === spelled.length) ids.push(...complete);
    else ids.push(this.#vocabulary.unknownId!);
  }
}

function findByte(vocabulary: Vocabulary, byte: number): number | undefined {
  const hex = byte.toString(16).toUpperCase().padStart(2, '0');
  return (
    vocabulary.find(`<0x${hex}>`) ?? (byte < 0x80 ? vocabulary.find(String.fromCharCode(byte)) : undefined)
  );
}

/** Two neighbours merge if their texts together are a token; merges are numbered by that token. */
class ScoreRules implements MergeRules {
  readonly #vocabulary: Vocabulary;
  readonly #texts: readonly string[];
  readonly #priorities: Int32Array;
  readonly #longest: number;
  readonly #known = new Map<number, number>();

  constructor(vocabulary: Vocabulary, texts: readonly string[], scores: ArrayLike<number> | undefined) {
    this.#vocabulary = vocabulary;
    this.#texts = texts;
    this.#priorities = rankScores(scores ?? new Float32Array(vocabulary.size));
    this.#longest = texts.reduce((longest, text) => Math.max(longest, text.length), 0);
  }

  find(left: number, right: number): number {
    if (left < 0 || right < 0) return -1;
    const key = left * this.#texts.length + right;
    const known = this.#known.get(key);
    if (known !== undefined) return known;
    if (this.#known.size >= MAX_KNOWN_PAIRS) this.#known.clear();
    const merge = this.#findToken(left, right);
    this.#known.set(key, merge);
    return merge;
  }

  #findToken(left: number, right: number): number {
    const leftText = this.#texts[left]!;
    const rightText = this.#texts[right]!;
    if (leftText.length + rightText.length > this.#longest) return -1;
    const token = this.#vocabulary.find(leftText + rightText);
    return token !== undefined && this.#vocabulary.isPlain(token) ? token : -1;
  }

  priority(merge: number): number {
    return this.#priorities[merge]!;
  }

  result(merge: number): number {
    return merge;
  }
}

/** For each token, the number of different scores that are higher than its own. */
function rankScores(scores: ArrayLike<number>): Int32Array {
  const descending = Float64Array.from(new Set(Array.from(scores)))
    .sort()
    .reverse();
  const rankOf = new Map(Array.from(descending, (score, rank) => [score, rank]));
  return Int32Array.from(scores, (score) => rankOf.get(score)!);
}
