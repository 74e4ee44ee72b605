import { HearthError } from '../error.ts';
import { BpeEncoder } from './bpe.ts';
import { findPreTokenizer } from './pre-tokenizers.ts';
import { SpecialTokens } from './special-tokens.ts';
import { SpmEncoder } from './spm.ts';
import { type DecodeOptions, TextStream } from './text-stream.ts';
import { Vocabulary, type VocabularyDescription } from './vocabulary.ts';

export interface EncodeOptions {
  /** Text that names a control token becomes it: for trusted text only, such as a rendered chat template. */
  readonly parseSpecial?: boolean;
  /** Put the beginning-of-text token first, and the end-of-text token last, where the vocabulary wants them. */
  readonly addBos?: boolean;
}

/** Beyond any context length, and what regular expressions get through without exhausting their stack. */
export const MAX_TEXT_UNITS = 1 << 22;

/** Text to token ids and back, the same as llama.cpp's for the same file. */
export class Tokenizer {
  /** `llama`: SentencePiece. `gpt2`: byte-level BPE. */
  readonly model: 'llama' | 'gpt2';
  readonly size: number;
  readonly bosId: number | undefined;
  readonly eosId: number | undefined;
  /** Does the vocabulary want a beginning-of-text token first? */
  readonly addBos: boolean;
  readonly addEos: boolean;
  readonly addSpacePrefix: boolean;
  readonly chatTemplate: string | undefined;
  readonly #vocabulary: Vocabulary;
  readonly #special: SpecialTokens;
  readonly #encoder: { encode(text: string, ids: number[]): void };

  /**
   * @throws HearthError TOKENIZER_BAD_VOCABULARY if the description contradicts itself (see {@link Vocabulary}) or
   *   wants a beginning- or end-of-text token that it does not have; TOKENIZER_UNSUPPORTED if its model or
   *   pre-tokenizer is not known
   */
  constructor(description: VocabularyDescription) {
    const vocabulary = new Vocabulary(description);
    const isSpm = description.model === 'llama';
    const preTokenizer = isSpm ? undefined : findPreTokenizer(description.pre);
    this.#vocabulary = vocabulary;
    this.#special = new SpecialTokens(vocabulary, description.modelName);
    this.#encoder = preTokenizer
      ? new BpeEncoder(vocabulary, description.merges, preTokenizer)
      : new SpmEncoder(vocabulary, description.scores);
    this.model = description.model;
    this.size = vocabulary.size;
    this.bosId = vocabulary.bosId;
    this.eosId = vocabulary.eosId;
    this.addBos = description.addBos ?? preTokenizer?.addBos ?? isSpm;
    this.addEos = description.addEos ?? false;
    this.addSpacePrefix = isSpm && (description.addSpacePrefix ?? true);
    this.chatTemplate = description.chatTemplate;
    if ((this.addBos && this.bosId === undefined) || (this.addEos && this.eosId === undefined)) {
      throw new HearthError(
        'TOKENIZER_BAD_VOCABULARY',
        'The model wants a beginning- or end-of-text token with every prompt but does not say which.',
      );
    }
  }

  /** @throws HearthError REQUEST_TOO_LARGE if the text is longer than {@link MAX_TEXT_UNITS} */
  encode(text: string, options: EncodeOptions = {}): number[] {
    if (text.length > MAX_TEXT_UNITS) {
      throw new HearthError(
        'REQUEST_TOO_LARGE',
        `The text has ${text.length} characters; at most ${MAX_TEXT_UNITS} can be tokenized at once.`,
        { length: text.length, limit: MAX_TEXT_UNITS },
      );
    }
    const ids: number[] = [];
    if (options.addBos && this.addBos) ids.push(this.bosId!);
    let afterSpecial = true;
    for (const segment of this.#special.partition(wellFormed(text), options.parseSpecial ?? false)) {
      if (typeof segment === 'number') ids.push(segment);
      else this.#encoder.encode(this.addSpacePrefix && afterSpecial ? ` ${segment}` : segment, ids);
      afterSpecial = typeof segment === 'number';
    }
    if (options.addBos && this.addEos) ids.push(this.eosId!);
    return ids;
  }

  /** @throws HearthError REQUEST_INVALID if an id is no token */
  decode(ids: Iterable<number>, options: DecodeOptions = {}): string {
    const stream = new TextStream(this, options);
    let text = '';
    for (const id of ids) text += stream.push(id);
    return text + stream.flush();
  }

  /**
   * What a token stands for, which may be less than a character; the name of a control token. Not to be changed.
   *
   * @throws HearthError REQUEST_INVALID if there is no such token
   */
  tokenBytes(id: number): Uint8Array {
    return this.#vocabulary.bytes(id);
  }

  /**
   * A token as the file writes it, `▁the` or `Ġthe`.
   *
   * @throws HearthError REQUEST_INVALID if there is no such token
   */
  tokenText(id: number): string {
    return this.#vocabulary.text(id);
  }

  /** The id of the token with exactly this text in the file. */
  findToken(text: string): number | undefined {
    return this.#vocabulary.find(text);
  }

  /** Is it a mark for the model rather than text? */
  isControl(id: number): boolean {
    return this.#vocabulary.isControl(id);
  }

  /** Does the answer end with this token? */
  isEndOfGeneration(id: number): boolean {
    return this.#vocabulary.isEndOfGeneration(id);
  }

  /** Ascending. */
  endOfGenerationIds(): number[] {
    return this.#vocabulary.endOfGenerationIds();
  }
}

/** A surrogate without its other half is no character and has no UTF-8: it becomes U+FFFD. */
function wellFormed(text: string): string {
  return text.replace(/\p{Surrogate}/gu, '\ufffd');
}
