import { describe, expect, it } from 'vitest';
import { Tokenizer } from '../../runtime/tokenizer/tokenizer.ts';
import { TokenType, type VocabularyDescription } from '../../runtime/tokenizer/vocabulary.ts';
import fixture from './fixtures/small-vocabularies.json' with { type: 'json' };
import { smallBpe, smallSpm } from './small-vocabularies.ts';

const vocabularies: Record<keyof typeof fixture.ids, VocabularyDescription> = {
  bpe: smallBpe(),
  'bpe llama-bpe': smallBpe({ pre: 'llama-bpe' }),
  'bpe default': smallBpe({ pre: undefined }),
  'bpe add bos and eos': smallBpe({ addBos: true, addEos: true }),
  spm: smallSpm(),
  'spm no prefix': smallSpm({ addSpacePrefix: false, addBos: false, addEos: true }),
};

describe.each(Object.entries(vocabularies))('%s', (name, description) => {
  const tokenizer = new Tokenizer(description);
  const expected = fixture.ids[name as keyof typeof vocabularies];

  it.each(fixture.texts.map((text, i) => [text, expected[i]!] as const))(
    'encodes %j as llama.cpp does',
    (text, ids) => {
      expect([
        tokenizer.encode(text),
        tokenizer.encode(text, { parseSpecial: true }),
        tokenizer.encode(text, { parseSpecial: true, addBos: true }),
      ]).toEqual(ids);
    },
  );
});

const texts = (tokenizer: Tokenizer, ids: readonly number[]): string[] =>
  ids.map((id) => tokenizer.tokenText(id));

describe('plain text', () => {
  it('never becomes a control token, even where pieces would merge into one', () => {
    const spm = smallSpm();
    const extra = ['</', 's>', '<s', '<|im_', 'start|>'];
    const forging = new Tokenizer({
      ...spm,
      tokens: [...spm.tokens, ...extra],
      tokenTypes: [...Array.from(spm.tokenTypes!), ...extra.map(() => TokenType.normal)],
      scores: [...Array.from(spm.scores!), ...extra.map(() => -1)],
    });
    expect(texts(forging, forging.encode('</s>'))).toEqual(['▁', '</', 's>']);
  });

  it('never becomes a control token by being a whole word', () => {
    const bpe = smallBpe({ pre: 'llama-bpe' });
    const types = Array.from(bpe.tokenTypes!);
    types[bpe.tokens.indexOf('ĠHello')] = TokenType.control;
    const tokenizer = new Tokenizer({ ...bpe, tokenTypes: types });
    expect(texts(tokenizer, tokenizer.encode(' Hello'))).toEqual([...'ĠHello']);
  });

  it('is made well-formed first', () => {
    const tokenizer = new Tokenizer(smallBpe());
    expect(tokenizer.encode('a\ud800b\udc00')).toEqual(tokenizer.encode('a\ufffdb\ufffd'));
  });

  it('must not be longer than can be tokenized', () => {
    const tokenizer = new Tokenizer(smallBpe());
    expect(() => tokenizer.encode('a'.repeat((1 << 22) + 1))).toThrow(
      expect.objectContaining({ code: 'REQUEST_TOO_LARGE' }),
    );
  });
});

describe('special tokens', () => {
  it('of Phi-3 swallow the white space after them', () => {
    const phi = new Tokenizer(smallSpm({ modelName: 'Phi3 Mini' }));
    const ids = phi.encode('<|im_start|> \n Hello<s> x', { parseSpecial: true });
    expect(texts(phi, ids)).toEqual(['<|im_start|>', '▁', 'He', 'll', 'o', '<s>', '▁▁', 'x']);
  });

  it('are taken longest first, wherever they are', () => {
    const bpe = smallBpe();
    const extra = ['ab', 'bcd', 'cc'];
    const tokenizer = new Tokenizer({
      ...bpe,
      tokens: [...bpe.tokens, ...extra],
      tokenTypes: [...Array.from(bpe.tokenTypes!), ...extra.map(() => TokenType.userDefined)],
    });
    expect(texts(tokenizer, tokenizer.encode('abcdabccc'))).toEqual(['a', 'bcd', 'ab', 'cc', 'c']);
  });
});

describe('vocabularies with holes', () => {
  it('spell a merged piece that is no token in its characters', () => {
    const bpe = smallBpe({ merges: ['q z', 'qz q', 'h e'] });
    const tokenizer = new Tokenizer(bpe);
    expect(texts(tokenizer, tokenizer.encode('qzqhe'))).toEqual(['q', 'z', 'q', 'he']);
  });

  it('skip merges that are none', () => {
    const tokenizer = new Tokenizer(smallBpe({ merges: ['', ' ', 'he', 'h ', ' e', 'h e', 'h e x'] }));
    expect(texts(tokenizer, tokenizer.encode('he'))).toEqual(['he']);
  });

  it('write unknown where SentencePiece has no bytes', () => {
    const spm = smallSpm();
    const kept = spm.tokens.map((_, id) => id).filter((id) => id < 3 || id >= 259);
    const tokenizer = new Tokenizer({
      ...spm,
      tokens: kept.map((id) => spm.tokens[id]!),
      tokenTypes: kept.map((id) => spm.tokenTypes![id]!),
      scores: kept.map((id) => spm.scores![id]!),
    });
    expect(texts(tokenizer, tokenizer.encode('he 漢'))).toEqual(['▁', 'he', '▁', '<unk>']);
  });
});
