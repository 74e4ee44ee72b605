import { HearthError } from '../error.ts';
import { byteOfCharacter } from './byte-alphabet.ts';
import { CONTROL_TEXTS, END_OF_GENERATION_TEXTS } from './known-texts.ts';
import { TextIndex } from './text-index.ts';

/** What a token is, numbered as in GGUF's `tokenizer.ggml.token_type`. */
export const TokenType = {
  undefined: 0,
  normal: 1,
  unknown: 2,
  control: 3,
  userDefined: 4,
  unused: 5,
  byte: 6,
} as const;

/** A tokenizer as a file describes it: plain values, nothing checked yet. What is absent takes the model's default. */
export interface VocabularyDescription {
  /** `llama`: SentencePiece with scores. `gpt2`: byte-level BPE with merges. */
  readonly model: 'llama' | 'gpt2';
  /** The pre-tokenizer's name; only byte-level BPE has one. */
  readonly pre?: string | undefined;
  readonly tokens: readonly string[];
  /** The bytes of those tokens that are not UTF-8, by id; their text is only a likeness. */
  readonly malformedTokens?: ReadonlyMap<number, Uint8Array> | undefined;
  /** [tokens.length] for `llama`: the higher merges first */
  readonly scores?: ArrayLike<number> | undefined;
  /** [tokens.length] values of {@link TokenType}; all normal if absent */
  readonly tokenTypes?: ArrayLike<number> | undefined;
  /** `left right`, the first merges first */
  readonly merges?: readonly string[] | undefined;
  readonly bosId?: number | undefined;
  readonly eosId?: number | undefined;
  readonly eotId?: number | undefined;
  readonly eomId?: number | undefined;
  readonly unknownId?: number | undefined;
  readonly addBos?: boolean | undefined;
  readonly addEos?: boolean | undefined;
  /** `llama` only: text starts as if a space stood before it */
  readonly addSpacePrefix?: boolean | undefined;
  /** `general.name`: Phi-3's files carry a rule that no other metadata tells */
  readonly modelName?: string | undefined;
  readonly chatTemplate?: string | undefined;
}

const MAX_TOKENS = 1 << 21;
const utf8 = new TextEncoder();

/**
 * The checked tokens of a model: id → text, type and bytes, and text → id.
 *
 * @throws HearthError TOKENIZER_BAD_VOCABULARY: no tokens or too many, a text that two tokens share, scores or
 *   types of another length, a score that is not a number, a special id outside the vocabulary, a byte token
 *   that names no byte
 */
export class Vocabulary {
  readonly model: 'llama' | 'gpt2';
  readonly size: number;
  readonly bosId: number | undefined;
  readonly eosId: number | undefined;
  readonly unknownId: number | undefined;
  readonly #texts: readonly string[];
  readonly #types: Uint8Array;
  readonly #ids: TextIndex;
  readonly #endIds = new Set<number>();
  readonly #bytes: (Uint8Array | undefined)[];

  constructor(description: VocabularyDescription) {
    const { model, tokens } = description;
    if (tokens.length === 0 || tokens.length > MAX_TOKENS) {
      throw bad(`has ${tokens.length} tokens; between 1 and ${MAX_TOKENS} are allowed`);
    }
    this.model = model;
    this.size = tokens.length;
    this.#texts = tokens;
    this.#bytes = [];
    this.#ids = new TextIndex(tokens);
    for (const [id, bytes] of description.malformedTokens ?? []) this.#bytes[id] = bytes;
    for (const [id, text] of tokens.entries()) {
      // Padding may be nameless; that and what is no text matches no text.
      if (text === '' || this.#bytes[id]) continue;
      if (!this.#ids.add(id)) throw bad(`holds the token ${JSON.stringify(text)} twice`, id);
    }
    this.#types = this.#readTypes(description.tokenTypes);
    checkScores(description.scores, tokens.length);
    // SentencePiece fixes these ids by convention, and old files leave them out.
    const conventional = model === 'llama' && tokens.length > 2;
    this.bosId = this.#checkId('bos', description.bosId) ?? (conventional ? 1 : undefined);
    this.eosId = this.#checkId('eos', description.eosId) ?? (conventional ? 2 : undefined);
    this.unknownId = this.#checkId('unknown', description.unknownId) ?? (conventional ? 0 : undefined);
    this.#findEnds([
      this.eosId,
      this.#checkId('eot', description.eotId),
      this.#checkId('eom', description.eomId),
    ]);
  }

  /** @throws HearthError REQUEST_INVALID if there is no such token */
  text(id: number): string {
    const text = this.#texts[id];
    if (text !== undefined) return text;
    throw new HearthError('REQUEST_INVALID', `There is no token ${id}: ids are 0 to ${this.size - 1}.`, {
      tokenId: id,
    });
  }

  type(id: number): number {
    return this.#types[id] ?? TokenType.undefined;
  }

  find(text: string): number | undefined {
    return this.#ids.find(text);
  }

  /** May plain text become this token? Never a control, byte or unknown token, whatever the text says. */
  isPlain(id: number): boolean {
    const type = this.type(id);
    return type === TokenType.normal || type === TokenType.userDefined;
  }

  /** Is it a mark for the model rather than text: hidden unless special tokens are asked for? */
  isControl(id: number): boolean {
    const type = this.type(id);
    return type === TokenType.control || type === TokenType.unknown;
  }

  isEndOfGeneration(id: number): boolean {
    return this.#endIds.has(id);
  }

  endOfGenerationIds(): number[] {
    return [...this.#endIds].sort((a, b) => a - b);
  }

  /**
   * What the token stands for: bytes, since one character may be spread over several tokens. A control token's
   * are its own name.
   *
   * @throws HearthError REQUEST_INVALID if there is no such token
   */
  bytes(id: number): Uint8Array {
    const known = this.#bytes[id];
    if (known) return known;
    const bytes = this.#computeBytes(this.text(id), this.type(id));
    this.#bytes[id] = bytes;
    return bytes;
  }

  #computeBytes(text: string, type: number): Uint8Array {
    switch (type) {
      case TokenType.normal:
        return this.model === 'gpt2' ? bytesOfAlphabet(text) : utf8.encode(text.replaceAll('▁', ' '));
      case TokenType.byte:
        return Uint8Array.of(Number.parseInt(text.slice(3, 5), 16));
      case TokenType.control:
      case TokenType.unknown:
      case TokenType.userDefined:
        return utf8.encode(text);
      default:
        return new Uint8Array(0);
    }
  }

  #readTypes(types: ArrayLike<number> | undefined): Uint8Array {
    const result = new Uint8Array(this.size).fill(TokenType.normal);
    if (types === undefined) return result;
    if (types.length !== this.size) throw bad(`has ${this.size} tokens but ${types.length} token types`);
    for (let id = 0; id < this.size; id++) {
      const type = types[id]!;
      result[id] = type >= TokenType.normal && type <= TokenType.byte ? type : TokenType.undefined;
      if (type === TokenType.byte && !/^<0x[0-9A-Fa-f]{2}>$/.test(this.text(id))) {
        throw bad(`has a byte token ${JSON.stringify(this.text(id))}; it must read <0xHH>`, id);
      }
    }
    return result;
  }

  #checkId(name: string, id: number | undefined): number | undefined {
    if (id === undefined) return undefined;
    if (Number.isInteger(id) && id >= 0 && id < this.size) return id;
    throw bad(`names token ${id} as its ${name} token, but ids are 0 to ${this.size - 1}`);
  }

  /** Files often fail to mark the tokens that end an answer, and their kin, as control tokens: their texts tell. */
  #findEnds(named: readonly (number | undefined)[]): void {
    for (const id of named) if (id !== undefined) this.#endIds.add(id);
    for (const text of END_OF_GENERATION_TEXTS) {
      const id = this.#ids.find(text);
      if (id !== undefined) this.#endIds.add(id);
    }
    for (const text of CONTROL_TEXTS) {
      const id = this.#ids.find(text);
      if (id !== undefined) this.#types[id] = TokenType.control;
    }
  }
}

function checkScores(scores: ArrayLike<number> | undefined, tokenCount: number): void {
  if (scores === undefined) return;
  if (scores.length !== tokenCount) throw bad(`has ${tokenCount} tokens but ${scores.length} scores`);
  for (let id = 0; id < tokenCount; id++) {
    if (Number.isNaN(scores[id])) throw bad('has a score that is not a number', id);
  }
}

/** A character outside the byte alphabet can only come from a damaged file; it then stands for itself. */
function bytesOfAlphabet(text: string): Uint8Array {
  const bytes: number[] = [];
  for (const character of text) {
    const byte = byteOfCharacter(character);
    if (byte !== undefined) bytes.push(byte);
    else bytes.push(...utf8.encode(character));
  }
  return Uint8Array.from(bytes);
}

function bad(what: string, tokenId?: number): HearthError {
  return new HearthError(
    'TOKENIZER_BAD_VOCABULARY',
    `The model's vocabulary ${what}. The file is damaged or was converted wrongly.`,
    tokenId === undefined ? {} : { tokenId },
  );
}
