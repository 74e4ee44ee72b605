import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { TextStream } from '../../runtime/tokenizer/text-stream.ts';
import { Tokenizer } from '../../runtime/tokenizer/tokenizer.ts';
import { TokenType } from '../../runtime/tokenizer/vocabulary.ts';
import { smallBpe, smallSpm } from './small-vocabularies.ts';

const bpe = new Tokenizer(smallBpe());
const spm = new Tokenizer(smallSpm());
const runs = { seed: 1, numRuns: 300 };
/** Any characters, and often those that the small vocabularies have merges for. */
const anyText = fc
  .array(
    fc.oneof(
      fc.string({ unit: 'binary', maxLength: 4 }),
      fc.constantFrom(' ', 'the', 'Hello', '你好', 'é', '\n', '<tool>'),
    ),
  )
  .map((parts) => parts.join(''));

describe('decode', () => {
  it.each(['gpt-2', 'llama-bpe', 'qwen2', 'deepseek-llm', 'falcon', 'default'])(
    'undoes encode for %s',
    (pre) => {
      const tokenizer = new Tokenizer(smallBpe({ pre }));
      fc.assert(
        fc.property(anyText, (text) => tokenizer.decode(tokenizer.encode(text)) === text),
        runs,
      );
    },
  );

  it('undoes encode for SentencePiece, but for the space mark itself', () => {
    const plain = anyText.filter((text) => !/▁|<tool>/.test(text));
    fc.assert(
      fc.property(plain, (text) => spm.decode(spm.encode(text, { addBos: true })) === text),
      runs,
    );
  });

  it('hides control tokens unless asked', () => {
    const ids = bpe.encode('<|im_start|>Hello<|im_end|>', { parseSpecial: true });
    expect(bpe.decode(ids)).toBe('Hello');
    expect(bpe.decode(ids, { special: true })).toBe('<|im_start|>Hello<|im_end|>');
  });

  it("drops SentencePiece's leading space unless the ids go on from a text", () => {
    const ids = spm.encode('Hello');
    expect(spm.decode(ids)).toBe('Hello');
    expect(spm.decode(ids, { continues: true })).toBe(' Hello');
    expect(spm.decode([1, ...ids])).toBe('Hello');
    expect(spm.decode([1, ...ids], { special: true })).toBe('<s> Hello');
    expect(spm.decode(spm.encode('  x'))).toBe('  x');
  });

  it('keeps a byte order mark', () => {
    expect(bpe.decode(bpe.encode('\ufeffa'))).toBe('\ufeffa');
  });

  it.each([-1, 1.5, Number.NaN, 1e9, 2 ** 32])('refuses id %d', (id) => {
    expect(() => bpe.decode([id])).toThrow(expect.objectContaining({ code: 'REQUEST_INVALID' }));
    expect(() => bpe.tokenBytes(id)).toThrow(expect.objectContaining({ code: 'REQUEST_INVALID' }));
  });
});

describe('TextStream', () => {
  it.each([
    ['BPE', bpe],
    ['SentencePiece', spm],
  ])('gives, put together, what decode gives: %s, any ids', (_, tokenizer) => {
    const anyIds = fc.array(fc.nat(tokenizer.size - 1));
    fc.assert(
      fc.property(anyIds, fc.boolean(), fc.boolean(), (ids, special, continues) => {
        const stream = new TextStream(tokenizer, { special, continues });
        const text = ids.map((id) => stream.push(id)).join('') + stream.flush();
        expect(text).toBe(tokenizer.decode(ids, { special, continues }));
        const bytes = ids
          .filter((id) => special || !tokenizer.isControl(id))
          .map((id) => tokenizer.tokenBytes(id));
        const whole = new TextDecoder('utf-8', { ignoreBOM: true }).decode(Buffer.concat(bytes));
        const dropsSpace = tokenizer === spm && !continues;
        expect(text).toBe(dropsSpace && whole.startsWith(' ') ? whole.slice(1) : whole);
      }),
      runs,
    );
  });

  it('holds an unfinished character back', () => {
    const stream = new TextStream(bpe);
    const ids = [...Buffer.from('é👍')].map(
      (byte) => [...Array(bpe.size).keys()].find((id) => isByte(bpe, id, byte))!,
    );
    expect(ids.map((id) => stream.push(id))).toEqual(['', 'é', '', '', '', '👍']);
    expect(stream.flush()).toBe('');
  });

  it('replaces bytes that are no UTF-8', () => {
    const byteId = (byte: number): number => byte + 3;
    const stream = new TextStream(spm);
    expect([0xff, 0x41, 0xe4, 0xbd, 0x42, 0xe4].map((byte) => stream.push(byteId(byte)))).toEqual([
      '\ufffd',
      'A',
      '',
      '',
      '\ufffdB',
      '',
    ]);
    expect(stream.flush()).toBe('\ufffd');
  });
});

describe('tokenBytes', () => {
  it('tells the types apart', () => {
    const text = (id: number | undefined): string => Buffer.from(spm.tokenBytes(id!)).toString();
    expect(text(spm.findToken('▁the'))).toBe(' the');
    expect(text(spm.findToken('<0x41>'))).toBe('A');
    expect(text(spm.findToken('<s>'))).toBe('<s>');
    expect(text(spm.findToken('<tool>'))).toBe('<tool>');
    expect(Buffer.from(bpe.tokenBytes(bpe.findToken('ä½ł')!)).toString()).toBe('你');
  });

  it('is empty for unused and nameless tokens', () => {
    const description = smallBpe();
    const types = Array.from(description.tokenTypes!);
    types[0] = TokenType.unused;
    const tokenizer = new Tokenizer({
      ...description,
      tokens: [...description.tokens, '', ''],
      tokenTypes: [...types, TokenType.normal, TokenType.control],
    });
    expect(tokenizer.decode([0, tokenizer.size - 1, tokenizer.size - 2], { special: true })).toBe('');
  });

  it('gives the bytes of a token that is no UTF-8', () => {
    const description = smallSpm({ malformedTokens: new Map([[259, Uint8Array.of(0xe4, 0xbd)]]) });
    expect(new Tokenizer(description).tokenBytes(259)).toEqual(Uint8Array.of(0xe4, 0xbd));
  });
});

function isByte(tokenizer: Tokenizer, id: number, byte: number): boolean {
  const bytes = tokenizer.tokenBytes(id);
  return bytes.length === 1 && bytes[0] === byte;
}
