/** How a synthetic model's text becomes tokens: byte-level BPE (GPT-2's way), or SentencePiece with scores. */
export type VocabularyKind = 'bpe' | 'spm';

export interface SyntheticVocabulary {
  readonly tokens: string[];
  /** GGUF's token types: 1 normal, 2 unknown, 3 control, 5 unused, 6 byte. */
  readonly tokenTypes: number[];
  /** BPE only: pairs in the order of their rank, each as `left right`. */
  readonly merges?: string[];
  /** SPM only: a piece with a higher score is merged first. */
  readonly scores?: number[];
  readonly bosId: number;
  readonly eosId: number;
  readonly addBos: boolean;
}

const normal = 1;
const unknown = 2;
const control = 3;
const unused = 5;
const byte = 6;

const letters = [...'etaoinshrdlucmwfgypbvkjxqz'];
/** Last in both vocabularies, as fine-tunes append theirs. */
const controlTokens = ['<|endoftext|>', '<|im_start|>', '<|im_end|>'];

/** A vocabulary of exactly `size` tokens that encodes any text. @param size at least 512 */
export function syntheticVocabulary(kind: VocabularyKind, size: number): SyntheticVocabulary {
  return kind === 'bpe' ? bpeVocabulary(size) : spmVocabulary(size);
}

function bpeVocabulary(size: number): SyntheticVocabulary {
  const alphabet = byteLevelAlphabet();
  const pairs = takePairs(alphabet[0x20]!, size - alphabet.length - controlTokens.length);
  const tokens = [...alphabet, ...pairs.map(([left, right]) => left + right)];
  const tokenTypes = tokens.map(() => normal);
  padWithUnused(tokens, tokenTypes, size - controlTokens.length);
  const endOfText = tokens.length;
  tokens.push(...controlTokens);
  tokenTypes.push(...controlTokens.map(() => control));
  return {
    tokens,
    tokenTypes,
    merges: pairs.map(([left, right]) => `${left} ${right}`),
    bosId: endOfText,
    eosId: endOfText + 2,
    addBos: false,
  };
}

function spmVocabulary(size: number): SyntheticVocabulary {
  const space = '▁';
  const tokens = ['<unk>', '<s>', '</s>'];
  const tokenTypes = [unknown, control, control];
  for (let value = 0; value < 256; value += 1) {
    tokens.push(`<0x${value.toString(16).toUpperCase().padStart(2, '0')}>`);
    tokenTypes.push(byte);
  }
  const printable = Array.from({ length: 94 }, (_, i) => String.fromCharCode(0x21 + i));
  const singles = [space, ...printable];
  const pairs = takePairs(space, size - tokens.length - singles.length - controlTokens.length);
  const pieces = [...singles, ...pairs.map(([left, right]) => left + right)];
  const scores = [...tokens.map(() => 0), ...pieces.map((_, i) => -i)];
  tokens.push(...pieces);
  tokenTypes.push(...pieces.map(() => normal));
  padWithUnused(tokens, tokenTypes, size - controlTokens.length);
  tokens.push(...controlTokens);
  tokenTypes.push(...controlTokens.map(() => control));
  while (scores.length < size) scores.push(-size);
  return { tokens, tokenTypes, scores, bosId: 1, eosId: 2, addBos: true };
}

/**
 * Up to `count` pairs of pieces whose concatenations are distinct and whose parts come before them: a letter or
 * the space before a letter, then such a pair before one more letter.
 */
function takePairs(space: string, count: number): [left: string, right: string][] {
  const pairs: [string, string][] = [];
  let lefts = [space, ...letters];
  while (pairs.length < count && lefts[0]!.length <= 2) {
    const grown: string[] = [];
    for (const left of lefts) {
      for (const right of letters) {
        if (pairs.length === count) return pairs;
        pairs.push([left, right]);
        grown.push(left + right);
      }
    }
    lefts = grown;
  }
  return pairs;
}

function padWithUnused(tokens: string[], tokenTypes: number[], size: number): void {
  if (tokens.length > size) throw new Error(`a vocabulary of ${tokens.length} tokens does not fit ${size}`);
  while (tokens.length < size) {
    tokens.push(`[PAD${tokens.length}]`);
    tokenTypes.push(unused);
  }
}

/**
 * GPT-2's name for each byte, indexed by it: printable bytes of Latin-1 stand for themselves, all others for
 * the characters from U+0100 on, in order.
 */
function byteLevelAlphabet(): string[] {
  let next = 0x100;
  return Array.from({ length: 256 }, (_, value) => {
    const printable = (value > 0x20 && value < 0x7f) || (value > 0xa0 && value !== 0xad);
    return String.fromCodePoint(printable ? value : next++);
  });
}
