import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Generation, type GenerationEvent } from '../../runtime/generation/generation.ts';
import type { GenerationRequest } from '../../runtime/generation/request.ts';
import { samplingParams } from '../../runtime/sampling/params.ts';
import { hostMath } from '../sampling/fixtures.ts';
import { bytesOf, byteVocabSize, byteVocabulary, certain, endToken } from './fixtures.ts';

const greedy = samplingParams({ temperature: 0 }, byteVocabSize);

function request(overrides: Partial<GenerationRequest> = {}): GenerationRequest {
  return { prompt: [1, 2, 3], sampling: greedy, stop: [], ...overrides };
}

function generation(overrides: Partial<GenerationRequest> = {}, contextLength = 100): Generation {
  return new Generation(
    request(overrides),
    { vocabSize: byteVocabSize, contextLength },
    byteVocabulary,
    hostMath,
  );
}

/** Feeds certain tokens until the generation finishes. */
function feed(target: Generation, tokens: readonly number[]): GenerationEvent[] {
  const events: GenerationEvent[] = [];
  for (const token of tokens) {
    if (target.finished !== undefined) break;
    events.push(target.accept(certain(token)));
  }
  return events;
}

function textOf(events: readonly GenerationEvent[]): string {
  return events.map((event) => event.text).join('');
}

describe('Generation', () => {
  it('ends with the end-of-generation token, which is no text but counts', () => {
    const target = generation();
    const events = feed(target, [...bytesOf('Hi'), endToken]);
    expect(events.map(({ text, finished }) => [text, finished])).toEqual([
      ['H', undefined],
      ['i', undefined],
      ['', 'stop'],
    ]);
    expect(target.answerTokens).toBe(3);
    expect(target.tokens).toEqual([1, 2, 3, 72, 105, endToken]);
  });

  it('ends at maxTokens', () => {
    const events = feed(generation({ maxTokens: 2 }), bytesOf('Hello'));
    expect(textOf(events)).toBe('He');
    expect(events.at(-1)!.finished).toBe('length');
  });

  it('ends where the context ends', () => {
    const target = generation({ maxTokens: 50 }, 5);
    expect(target.answerLimit).toBe(2);
    expect(target.tokenLimit).toBe(5);
    expect(feed(target, bytesOf('Hello')).at(-1)!.finished).toBe('length');
  });

  it('never shows half a character, and shows what is left of one at the end', () => {
    const [first, second, third, fourth] = bytesOf('🔥');
    const events = feed(generation({ maxTokens: 6 }), [first!, second!, third!, fourth!, first!, second!]);
    expect(events.map(({ text }) => text)).toEqual(['', '', '', '🔥', '', '�']);
  });

  it('cuts at a stop string across tokens', () => {
    const events = feed(generation({ stop: ['lo\n'] }), bytesOf('Hello\nthere'));
    expect(events.map(({ text }) => text)).toEqual(['H', 'e', '', 'l', '', '']);
    expect(events.at(-1)).toMatchObject({ finished: 'stop', stop: 'lo\n' });
  });

  it('a stop string on the last token allowed is a stop', () => {
    expect(feed(generation({ stop: ['b'], maxTokens: 2 }), bytesOf('ab')).at(-1)!.finished).toBe('stop');
  });

  it('shows text held back for a stop string that did not come', () => {
    const ended = feed(generation({ stop: ['abc'] }), [...bytesOf('xab'), endToken]);
    expect(textOf(ended)).toBe('xab');
    expect(textOf(feed(generation({ stop: ['abc'], maxTokens: 3 }), bytesOf('xab')))).toBe('xab');
  });

  it('shows the text up to the first stop string for any text', () => {
    const words = fc.string({ unit: fc.constantFrom('a', 'é', '🔥', ' '), maxLength: 12 });
    const stop = fc.array(
      words.filter((word) => word.length > 0),
      { maxLength: 3 },
    );
    fc.assert(
      fc.property(words, stop, (text, stopList) => {
        const shown = textOf(feed(generation({ stop: stopList }), [...bytesOf(text), endToken]));
        expect(text.startsWith(shown)).toBe(true);
        if (!stopList.some((one) => text.includes(one))) expect(shown).toBe(text);
        for (const one of stopList) expect(shown).not.toContain(one);
      }),
      { numRuns: 300 },
    );
  });

  it.each([
    ['an empty prompt', { prompt: [] }, 'prompt'],
    ['a token beyond the vocabulary', { prompt: [byteVocabSize] }, 'prompt'],
    ['a negative token', { prompt: [-1] }, 'prompt'],
    ['a fraction of a token', { prompt: [0.5] }, 'prompt'],
    ['no tokens wanted', { maxTokens: 0 }, 'maxTokens'],
    ['NaN tokens wanted', { maxTokens: Number.NaN }, 'maxTokens'],
    ['an empty stop string', { stop: [''] }, 'stop'],
    ['too many stop strings', { stop: Array.from({ length: 33 }, () => 'x') }, 'stop'],
    ['a stop string too long', { stop: ['x'.repeat(257)] }, 'stop'],
    ['half a character', { stop: ['\ud83d'] }, 'stop'],
  ])('refuses %s', (_, overrides, field) => {
    expect(() => generation(overrides)).toThrow(
      expect.objectContaining({ code: 'REQUEST_INVALID', fields: { field } }),
    );
  });

  it('refuses a prompt that leaves no place for an answer', () => {
    expect(() => generation({}, 3)).toThrow(expect.objectContaining({ code: 'CONTEXT_FULL' }));
  });
});

describe('log-probabilities of an answer', () => {
  const sampling = samplingParams({ temperature: 0, topLogprobs: 1 }, byteVocabSize);
  const tokens = (events: readonly GenerationEvent[]): number[][] =>
    events.map((event) => event.logprobs.map(({ token }) => token));

  it('come with the text of their token', () => {
    const fire = bytesOf('🔥');
    const events = feed(generation({ sampling }), [97, ...fire, endToken]);
    expect(tokens(events)).toEqual([[97], [], [], [], fire, []]);
  });

  it('are left out for what a stop string cuts', () => {
    const events = feed(generation({ sampling, stop: ['bc'] }), bytesOf('abc'));
    expect(tokens(events)).toEqual([[97], [], []]);
  });

  it('come late for what was held back', () => {
    const events = feed(generation({ sampling, stop: ['bcd'] }), bytesOf('abcx'));
    expect(tokens(events)).toEqual([[97], [], [], bytesOf('bcx')]);
  });
});
