import { characterOfByte } from '../../runtime/tokenizer/byte-alphabet.ts';
import { TokenType, type VocabularyDescription } from '../../runtime/tokenizer/vocabulary.ts';

/** In GPT-2's alphabet: Ġ is the space, Ċ the newline, `Ã ©` é and `ä ½ ł` 你. */
const MERGES = [
  ...[
    'Ġ t',
    'h e',
    'i n',
    'r e',
    'o n',
    'Ġt he',
    'e r',
    'Ġ a',
    'l l',
    'Ġ w',
    'o r',
    'l d',
    'Ġw or',
    'Ġwor ld',
  ],
  ...['Ġ Ġ', 'ĠĠ ĠĠ', 'H e', 'He ll', 'Hell o', 'Ġ Hello', '1 2', '12 3', 'Ċ Ċ', "' s", "' l", "'l l"],
  ...['Ã ©', 'ä ½', 'ä½ ł', 'a a', 'aa aa', 'Ġ <', '| >', '. .', '.. .', 'e n', 'en d', 'k e', 'ke y'],
];

const BPE_SPECIALS: readonly [string, number][] = [
  ['<|endoftext|>', TokenType.control],
  ['<|im_start|>', TokenType.control],
  ['<|im_end|>', TokenType.control],
  ['<tool>', TokenType.userDefined],
  ['<tool>\n\n', TokenType.userDefined],
  ['Hello key', TokenType.normal],
];

/** Byte-level BPE over all bytes: 256 of them, the merges, and some special tokens. */
export function smallBpe(changes: Partial<VocabularyDescription> = {}): VocabularyDescription {
  const alphabet = Array.from({ length: 256 }, (_, byte) => characterOfByte(byte));
  const merged = MERGES.map((merge) => merge.replace(' ', ''));
  const plain = [...alphabet, ...merged];
  return {
    model: 'gpt2',
    pre: 'gpt-2',
    tokens: [...plain, ...BPE_SPECIALS.map(([text]) => text)],
    tokenTypes: [...plain.map(() => TokenType.normal), ...BPE_SPECIALS.map(([, type]) => type)],
    merges: MERGES,
    bosId: plain.length,
    eosId: plain.length + 2,
    ...changes,
  };
}

const PIECES: readonly [string, number][] = [
  ...[...'▁etaoinshrdlucmwfgypbvkjxqzHTé你好.,!?1230'].map((text, i): [string, number] => [text, -100 - i]),
  ...[
    '▁t',
    'he',
    'in',
    'er',
    'on',
    '▁the',
    '▁a',
    're',
    'll',
    '▁w',
    'or',
    'ld',
    '▁wor',
    '▁world',
    'He',
    'lo',
  ].map((text, i): [string, number] => [text, -1 - i]),
  ...['Hel', 'Hello', '▁Hello', '▁▁', '▁▁▁▁', 'et', 'te', 'ete', 'ab', 'ba', 'aa', 'aaaa', '你好'].map(
    (text, i): [string, number] => [text, -20 - (i >> 1)],
  ),
];

const SPM_SPECIALS: readonly [string, number][] = [
  ['<|im_start|>', TokenType.control],
  ['<|im_end|>', TokenType.control],
  ['<tool>', TokenType.userDefined],
];

/** SentencePiece with all byte tokens; `?` and most capitals are spelled in bytes, and some scores tie. */
export function smallSpm(changes: Partial<VocabularyDescription> = {}): VocabularyDescription {
  const bytes = Array.from(
    { length: 256 },
    (_, byte) => `<0x${byte.toString(16).toUpperCase().padStart(2, '0')}>`,
  );
  return {
    model: 'llama',
    tokens: [
      ...['<unk>', '<s>', '</s>', ...bytes],
      ...PIECES.map(([text]) => text),
      ...SPM_SPECIALS.map(([text]) => text),
    ],
    tokenTypes: [
      ...[TokenType.unknown, TokenType.control, TokenType.control, ...bytes.map(() => TokenType.byte)],
      ...PIECES.map(() => TokenType.normal),
      ...SPM_SPECIALS.map(([, type]) => type),
    ],
    scores: Float32Array.from([
      ...new Array(3 + bytes.length).fill(0),
      ...PIECES.map(([, score]) => score),
      ...SPM_SPECIALS.map(() => 0),
    ]),
    bosId: 1,
    eosId: 2,
    unknownId: 0,
    ...changes,
  };
}
