import type { MetadataValue } from '../../runtime/gguf/value.ts';
import { characterOfByte } from '../../runtime/tokenizer/byte-alphabet.ts';
import { TokenType } from '../../runtime/tokenizer/vocabulary.ts';
import type { ModelShape } from './model-shapes.ts';

interface Tokens {
  readonly texts: readonly string[];
  readonly types: readonly number[];
}

const bytes = Array.from({ length: 256 }, (_, byte) => byte);

/** SentencePiece's first tokens with its space, and GPT-2's: either can write any text byte by byte. */
const spmTokens: Tokens = {
  texts: ['<unk>', '<s>', '</s>', ...bytes.map((byte) => `<0x${hex(byte)}>`), '▁'],
  types: [
    TokenType.unknown,
    TokenType.control,
    TokenType.control,
    ...bytes.map(() => TokenType.byte),
    TokenType.normal,
  ],
};
const bpeTokens: Tokens = {
  texts: [...bytes.map(characterOfByte), '<|endoftext|>'],
  types: [...bytes.map(() => TokenType.normal), TokenType.control],
};

/** `tokenizer.ggml.*` of a vocabulary of the shape's size. Each token has a text of its own, so that answers show them all. */
export function shapeVocabulary({ vocabSize, preTokenizer }: ModelShape): [string, MetadataValue][] {
  const { texts, types } = preTokenizer ? bpeTokens : spmTokens;
  const words = Array.from({ length: vocabSize - texts.length }, (_, i) => `w${i}.`);
  const tokenTypes = new Int32Array(vocabSize).fill(TokenType.normal);
  tokenTypes.set(types);
  const end = preTokenizer ? texts.indexOf('<|endoftext|>') : 2;
  const kind: [string, MetadataValue][] = preTokenizer
    ? [
        ['tokenizer.ggml.pre', { type: 'string', value: preTokenizer }],
        ['tokenizer.ggml.merges', { type: 'string[]', value: [] }],
      ]
    : [['tokenizer.ggml.scores', { type: 'float32[]', value: new Float32Array(vocabSize) }]];
  return [
    ['tokenizer.ggml.model', { type: 'string', value: preTokenizer ? 'gpt2' : 'llama' }],
    ...kind,
    ['tokenizer.ggml.tokens', { type: 'string[]', value: [...texts, ...words] }],
    ['tokenizer.ggml.token_type', { type: 'int32[]', value: tokenTypes }],
    ['tokenizer.ggml.bos_token_id', { type: 'uint32', value: preTokenizer ? end : 1 }],
    ['tokenizer.ggml.eos_token_id', { type: 'uint32', value: end }],
    ['tokenizer.ggml.add_bos_token', { type: 'bool', value: preTokenizer === undefined }],
  ];
}

function hex(byte: number): string {
  return byte.toString(16).toUpperCase().padStart(2, '0');
}
