import { describe, expect, it } from 'vitest';
import { findPreTokenizer, preTokenizerNames, splitWords } from '../../runtime/tokenizer/pre-tokenizers.ts';
import { unassignedRanges } from '../../runtime/tokenizer/unicode-gaps.ts';
import fixture from './fixtures/splits.json' with { type: 'json' };

const split = (name: string, text: string): string[] => splitWords(text, findPreTokenizer(name).patterns);

describe.each(Object.entries(fixture.pieceLengths))('%s', (name, expected) => {
  it.each(fixture.texts.map((text, i) => [text, expected[i]!] as const))(
    'cuts %j as llama.cpp does',
    (text, lengths) => {
      const pieces = split(name, text);
      expect(pieces.map((piece) => [...piece].length)).toEqual(lengths);
      expect(pieces.join('')).toBe(text);
    },
  );
});

describe('every pre-tokenizer', () => {
  it.each(preTokenizerNames())('%s loses nothing', (name) => {
    for (const text of fixture.texts) expect(split(name, text).join('')).toBe(text);
  });
});

describe('findPreTokenizer', () => {
  it('takes the default where a file names none', () => {
    expect(findPreTokenizer(undefined)).toBe(findPreTokenizer('default'));
    expect(findPreTokenizer('')).toBe(findPreTokenizer('default'));
  });

  it('knows the same pattern by several names, with different flags', () => {
    expect(findPreTokenizer('deepseek-r1-qwen')).toBe(findPreTokenizer('qwen2'));
    expect(findPreTokenizer('llama-v3')).toMatchObject({ ignoreMerges: true, addBos: true });
    expect(findPreTokenizer('smaug-bpe')).not.toHaveProperty('ignoreMerges');
    expect(findPreTokenizer('smaug-bpe').patterns).toBe(findPreTokenizer('llama-bpe').patterns);
  });

  it.each(['no-such-thing', '__proto__', 'constructor'])('refuses %s and lists what it knows', (name) => {
    expect(() => findPreTokenizer(name)).toThrow(
      expect.objectContaining({ code: 'TOKENIZER_UNSUPPORTED', message: expect.stringContaining('qwen2') }),
    );
  });
});

describe('unassignedRanges', () => {
  const gaps = new RegExp(`^[${unassignedRanges()}]$`, 'v');
  const ours: number[] = [];
  const engines: number[] = [];
  for (let codePoint = 0; codePoint < 0x110000; codePoint++) {
    const character = String.fromCodePoint(codePoint);
    if (gaps.test(character)) ours.push(codePoint);
    if (/^\p{Unassigned}$/u.test(character)) engines.push(codePoint);
  }

  it('are those of Unicode 15.1', () => {
    expect(ours).toHaveLength(824_718);
  });

  it('have in them whatever a newer engine still leaves unassigned', () => {
    const gapSet = new Set(ours);
    expect(engines.filter((codePoint) => !gapSet.has(codePoint))).toEqual([]);
  });
});
