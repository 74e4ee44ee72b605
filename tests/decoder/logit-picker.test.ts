import { describe, expect, it } from 'vitest';
import { LogitPicker } from '../../runtime/decoder/logit-picker.ts';

/** Two tokens' logits of vocabulary rows 10 to 15 and 20 to 25. */
const parts = [
  { firstVocabularyRow: 10, vocabularyRows: 5, values: Float32Array.of(0, 1, 9, 3, 4, 4, 3, 2, 1, 0) },
  { firstVocabularyRow: 20, vocabularyRows: 5, values: Float32Array.of(5, 6, 7, 8, 9, 5, 5, 5, 5, 5) },
];
const picked = (token: number, best: number | undefined, of = parts) =>
  new LogitPicker()
    .pick(of, token, best)
    .map(({ firstVocabularyRow, values }) => [firstVocabularyRow, ...values]);

describe('a logit picker', () => {
  it('picks the greatest of all parts, of equals the first, in their order', () => {
    expect(picked(0, 3)).toEqual([
      [12, 9],
      [23, 8],
      [24, 9],
    ]);
    expect(picked(1, 2)).toEqual([
      [20, 5],
      [21, 5],
    ]);
  });

  it('leaves a row whole that is needed whole, or nearly', () => {
    const whole = [
      [10, 0, 1, 9, 3, 4],
      [20, 5, 6, 7, 8, 9],
    ];
    expect(picked(0, undefined)).toEqual(whole);
    expect(picked(0, 4)).toEqual(whole);
    expect(picked(0, 99)).toEqual(whole);
  });

  it.each([Number.NaN, Infinity, -Infinity])('leaves a row whole that has %d', (bad) => {
    const [first, second] = parts;
    const broken = [
      { ...first!, values: Float32Array.from(first!.values, (value, i) => (i === 1 ? bad : value)) },
      second!,
    ];
    expect(picked(0, 2, broken)).toEqual([
      [10, 0, bad, 9, 3, 4],
      [20, 5, 6, 7, 8, 9],
    ]);
    expect(picked(1, 2, broken)).toEqual([
      [20, 5],
      [21, 5],
    ]);
  });
});
