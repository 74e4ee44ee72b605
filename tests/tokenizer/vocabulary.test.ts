import { describe, expect, it } from 'vitest';
import { Tokenizer } from '../../runtime/tokenizer/tokenizer.ts';
import { TokenType, type VocabularyDescription } from '../../runtime/tokenizer/vocabulary.ts';
import { smallBpe, smallSpm } from './small-vocabularies.ts';

describe('a bad vocabulary is refused', () => {
  const spm = smallSpm();
  const cases: [string, VocabularyDescription][] = [
    ['no tokens', smallBpe({ tokens: [], tokenTypes: [] })],
    ['two tokens of one text', smallBpe({ tokens: smallBpe().tokens.with(5, '!') })],
    ['scores of another length', smallSpm({ scores: new Float32Array(3) })],
    ['a score that is not a number', smallSpm({ scores: spm.tokens.map(() => Number.NaN) })],
    ['token types of another length', smallSpm({ tokenTypes: [1, 2, 3] })],
    ['a byte token that names no byte', smallSpm({ tokens: spm.tokens.with(5, '<0xG1>') })],
    ['no merges', smallBpe({ merges: undefined })],
    ['bos outside', smallBpe({ bosId: 100_000 })],
    ['eos negative', smallBpe({ eosId: -1 })],
    ['eot not whole', smallBpe({ eotId: 0.5 })],
    ['unknown not a number', smallBpe({ unknownId: Number.NaN })],
    ['bos wanted but not named', smallBpe({ bosId: undefined, addBos: true })],
    ['eos wanted but not named', smallBpe({ eosId: undefined, addEos: true })],
    ['neither bytes nor unknown', { model: 'llama', tokens: ['a', 'b'], addBos: false }],
  ];

  it.each(cases)('%s', (_, description) => {
    expect(() => new Tokenizer(description)).toThrow(
      expect.objectContaining({ code: 'TOKENIZER_BAD_VOCABULARY' }),
    );
  });
});

describe('defaults', () => {
  it('of SentencePiece are its fixed ids, a first token and a leading space', () => {
    const tokenizer = new Tokenizer(smallSpm({ bosId: undefined, eosId: undefined, unknownId: undefined }));
    expect(tokenizer).toMatchObject({
      bosId: 1,
      eosId: 2,
      addBos: true,
      addEos: false,
      addSpacePrefix: true,
    });
  });

  it('of BPE are none, except where the pre-tokenizer implies a first token', () => {
    const plain = new Tokenizer(smallBpe({ bosId: undefined, addSpacePrefix: true }));
    expect(plain).toMatchObject({ bosId: undefined, addBos: false, addSpacePrefix: false });
    expect(new Tokenizer(smallBpe({ pre: 'llama-bpe' })).addBos).toBe(true);
    expect(new Tokenizer(smallBpe({ pre: 'llama-bpe', addBos: false })).addBos).toBe(false);
  });

  it('of the types are normal', () => {
    const tokenizer = new Tokenizer(smallBpe({ tokenTypes: undefined }));
    expect(tokenizer.isControl(0)).toBe(false);
    expect(tokenizer.decode(tokenizer.encode('Hello world'))).toBe('Hello world');
  });
});

describe('isEndOfGeneration', () => {
  it('goes by the named ids and by the usual texts', () => {
    const description = smallBpe({ eosId: 7, eotId: 8, eomId: 9 });
    const tokenizer = new Tokenizer(description);
    const ends = [7, 8, 9, tokenizer.findToken('<|endoftext|>')!, tokenizer.findToken('<|im_end|>')!];
    expect(tokenizer.endOfGenerationIds()).toEqual(ends);
    expect(ends.every((id) => tokenizer.isEndOfGeneration(id))).toBe(true);
    expect([0, 6, tokenizer.findToken('<|im_start|>')!].some((id) => tokenizer.isEndOfGeneration(id))).toBe(
      false,
    );
  });

  it('makes such tokens control tokens, whatever the file calls them', () => {
    const description = smallBpe();
    const types = description.tokens.map(() => TokenType.normal);
    const tokenizer = new Tokenizer({ ...description, tokenTypes: types });
    expect(tokenizer.isControl(tokenizer.findToken('<|im_end|>')!)).toBe(true);
    expect(tokenizer.isControl(tokenizer.findToken('<|im_start|>')!)).toBe(false);
  });
});
