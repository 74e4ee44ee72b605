import { TokenType, type Vocabulary } from './vocabulary.ts';

/** Text still to be tokenized, or the id of a token that the text named outright. */
export type Segment = string | number;

interface SpecialToken {
  readonly id: number;
  readonly text: string;
  /** Text that names it means it only where the caller trusts the text. */
  readonly needsParsing: boolean;
  /** It swallows the white space after it. */
  readonly stripsRight: boolean;
}

const utf8 = new TextEncoder();

/**
 * Finds the tokens that are written out in a text as themselves. User-defined tokens always count; control tokens
 * only where special text is to be parsed, since otherwise a user could forge them.
 *
 * The longest token takes its places first, wherever they are, and shorter ones what is left over; this order is
 * llama.cpp's (`tokenizer_st_partition`).
 */
export class SpecialTokens {
  /** The longest first. */
  readonly #tokens: readonly SpecialToken[];

  constructor(vocabulary: Vocabulary, modelName = '') {
    const isPhi3 = /phi-?3/i.test(modelName);
    const tokens: (SpecialToken & { byteLength: number })[] = [];
    for (let id = 0; id < vocabulary.size; id++) {
      const text = vocabulary.text(id);
      const needsParsing = vocabulary.isControl(id);
      const isSpecial = needsParsing || vocabulary.type(id) === TokenType.userDefined;
      if (!isSpecial || vocabulary.find(text) !== id) continue;
      // Phi-3's tokenizer declares this per token, but GGUF has no place for it.
      const stripsRight = isPhi3 && !['<unk>', '<s>', '<|endoftext|>'].includes(text);
      tokens.push({ id, text, needsParsing, stripsRight, byteLength: utf8.encode(text).length });
    }
    this.#tokens = tokens.sort((a, b) => b.byteLength - a.byteLength);
  }

  /** The text in order, special tokens replaced by their ids; never an empty string. */
  partition(text: string, parseSpecial: boolean): Segment[] {
    const claims = new Claims(text);
    for (const token of this.#tokens) {
      if (parseSpecial || !token.needsParsing) claims.claimAll(token);
    }
    return claims.segments();
  }
}

/** Which parts of a text belong to which special token. */
class Claims {
  readonly #text: string;
  /** For each UTF-16 unit the end of the claim that covers it, 0 if free; made at the first claim. */
  #claimedUntil: Int32Array | undefined;
  readonly #claims: { start: number; end: number; id: number }[] = [];

  constructor(text: string) {
    this.#text = text;
  }

  claimAll(token: SpecialToken): void {
    let start = this.#text.indexOf(token.text);
    while (start >= 0) {
      const end = start + token.text.length;
      const obstacle = this.#claimEnd(start, end);
      if (obstacle === 0) this.#claim(start, token.stripsRight ? this.#skipSpace(end) : end, token.id);
      start = this.#text.indexOf(token.text, obstacle === 0 ? end : obstacle);
    }
  }

  segments(): Segment[] {
    const segments: Segment[] = [];
    let position = 0;
    for (const { start, end, id } of this.#claims.sort((a, b) => a.start - b.start)) {
      if (start > position) segments.push(this.#text.slice(position, start));
      segments.push(id);
      position = end;
    }
    if (position < this.#text.length) segments.push(this.#text.slice(position));
    return segments;
  }

  #claim(start: number, end: number, id: number): void {
    this.#claimedUntil ??= new Int32Array(this.#text.length);
    this.#claimedUntil.fill(end, start, end);
    this.#claims.push({ start, end, id });
  }

  /** Where the first claim within the range ends, 0 if the range is free. */
  #claimEnd(start: number, end: number): number {
    for (let i = start; this.#claimedUntil && i < end; i++) {
      if (this.#claimedUntil[i]! > 0) return this.#claimedUntil[i]!;
    }
    return 0;
  }

  #skipSpace(position: number): number {
    let end = position;
    while (/[\t-\r ]/.test(this.#text.charAt(end)) && !this.#claimedUntil?.[end]) end++;
    return end;
  }
}
