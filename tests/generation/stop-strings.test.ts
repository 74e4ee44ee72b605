import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { StopStrings } from '../../runtime/generation/stop-strings.ts';

/** Feeds pieces; the text shown and the stop string found. */
function run(stops: readonly string[], pieces: readonly string[]): { text: string; stop?: string } {
  const matcher = new StopStrings(stops);
  let text = '';
  for (const piece of pieces) {
    const match = matcher.push(piece);
    text += match.text;
    if (match.stop !== undefined) return { text, stop: match.stop };
  }
  return { text: text + matcher.flush() };
}

/** What should be shown, by trying every end of the text. */
function expected(stops: readonly string[], text: string): string {
  for (let end = 1; end <= text.length; end++) {
    const head = text.slice(0, end);
    const starts = stops.filter((stop) => head.endsWith(stop)).map((stop) => end - stop.length);
    if (starts.length > 0) return text.slice(0, Math.min(...starts));
  }
  return text;
}

/** Two letters only, so that stop strings overlap each other and themselves. */
const text = fc.string({ unit: fc.constantFrom('a', 'b'), maxLength: 30 });
const stops = fc.array(fc.string({ unit: fc.constantFrom('a', 'b'), minLength: 1, maxLength: 5 }), {
  maxLength: 4,
});

function cut(whole: string, lengths: readonly number[]): string[] {
  const pieces: string[] = [];
  let rest = whole;
  for (const length of lengths) {
    pieces.push(rest.slice(0, length));
    rest = rest.slice(length);
  }
  return [...pieces, rest];
}

describe('StopStrings', () => {
  it('shows the same text however it is cut, up to the first stop string completed', () => {
    fc.assert(
      fc.property(text, stops, fc.array(fc.nat(4), { maxLength: 20 }), (whole, stopList, lengths) => {
        expect(run(stopList, cut(whole, lengths)).text).toBe(expected(stopList, whole));
      }),
      { numRuns: 2000 },
    );
  });

  it('holds back no more than may be the beginning of a stop string', () => {
    const matcher = new StopStrings(['STOP']);
    expect(matcher.push('a S')).toEqual({ text: 'a ' });
    expect(matcher.push('TO')).toEqual({ text: '' });
    expect(matcher.push('x')).toEqual({ text: 'STOx' });
    expect(matcher.push('ST')).toEqual({ text: '' });
    expect(matcher.flush()).toBe('ST');
  });

  it('says which stop string it was', () => {
    expect(run(['\n\n', 'END'], ['one EN', 'D two'])).toEqual({ text: 'one ', stop: 'END' });
  });

  it('shows everything at once if there are none', () => {
    expect(new StopStrings([]).push('text')).toEqual({ text: 'text' });
  });
});
