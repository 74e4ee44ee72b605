import { describe, expect, it } from 'vitest';
import type { Tokenizer } from '../../runtime/tokenizer/tokenizer.ts';
import { errorOf, post, served } from './fixtures.ts';

const { app, model } = served();

describe('POST /tokenize and /detokenize', () => {
  it('are each other’s reverse', async () => {
    const { tokens } = (await (await post(app, '/tokenize', { content: 'héllo' })).json()) as {
      tokens: number[];
    };
    expect(tokens).toEqual([104, 195, 169, 108, 108, 111]);
    expect(await (await post(app, '/detokenize', { tokens })).json()).toEqual({ content: 'héllo' });
  });

  it('gives pieces, as bytes where they are no characters', async () => {
    const response = await post(app, '/tokenize', { content: 'aé', with_pieces: true });
    expect(await response.json()).toEqual({
      tokens: [
        { id: 97, piece: 'a' },
        { id: 195, piece: [195] },
        { id: 169, piece: [169] },
      ],
    });
  });

  it('hands on add_special and parse_special, off and on by default', async () => {
    const seen: unknown[] = [];
    const encode = (_: string, options: unknown): number[] => {
      seen.push(options);
      return [];
    };
    const tokenizer = { ...model.tokenizer, encode } as unknown as Tokenizer;
    const watched = served(undefined, { models: () => [{ ...model, tokenizer }] }).app;
    await post(watched, '/tokenize', { content: '' });
    await post(watched, '/tokenize', { content: '', add_special: true, parse_special: false });
    expect(seen).toEqual([
      { addBos: false, parseSpecial: true },
      { addBos: true, parseSpecial: false },
    ]);
  });

  it.each([
    ['/tokenize', {}, 'REQUEST_INVALID', 'content'],
    ['/tokenize', { content: 1 }, 'REQUEST_INVALID', 'content'],
    ['/tokenize', { content: 'a', add_bos: true }, 'REQUEST_UNSUPPORTED_FIELD', 'add_bos'],
    ['/detokenize', {}, 'REQUEST_INVALID', 'tokens'],
    ['/detokenize', { tokens: 'a' }, 'REQUEST_INVALID', 'tokens'],
    ['/detokenize', { tokens: [1, -1] }, 'REQUEST_INVALID', 'tokens[1]'],
    ['/detokenize', { tokens: [1, 257] }, 'REQUEST_INVALID', 'tokens[1]'],
    ['/detokenize', { tokens: [0.5] }, 'REQUEST_INVALID', 'tokens[0]'],
  ])('%s %j is refused', async (path, body, code, param) => {
    expect(await errorOf(await post(app, path, body))).toEqual([400, code, param]);
  });
});
