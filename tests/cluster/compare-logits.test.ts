import { expect, it } from 'vitest';
import { compareLogits } from '../../coordinator/checking/compare-logits.ts';
import { LogitPicker } from '../../runtime/decoder/logit-picker.ts';
import type { LogitPart } from '../../runtime/decoder/step.ts';
import { Random } from '../support/random.ts';

const vocabSize = 100;
const tokens = 2;
const random = new Random(4);

/** Two runs of neighbouring rows, of two tokens; few values, so that many are alike. */
const parts: LogitPart[] = [10, 60].map((firstVocabularyRow) => ({
  firstVocabularyRow,
  vocabularyRows: 30,
  values: new Float32Array(tokens * 30).map(() => random.integer(9) - 4),
}));

/** What a rank sends that holds them. */
const sent = (token: number, best?: number, of = parts) =>
  new LogitPicker().pick(of, token, best).map(({ firstVocabularyRow, values }) => ({
    firstVocabularyRow,
    bytes: new Uint8Array(values.slice().buffer),
  }));

/** The same but for one logit. */
const changed = (token: number, index: number, change: (value: number) => number): LogitPart[] =>
  parts.map((part, i) => {
    const values = part.values.slice();
    if (i === 1) values[token * 30 + index] = change(values[token * 30 + index]!);
    return { ...part, values };
  });

it('finds all, or the greatest, to be right, also of a part of what a rank holds', () => {
  for (let token = 0; token < tokens; token += 1)
    for (const best of [undefined, 1, 2, 5, 19]) {
      const runs = sent(token, best);
      expect(compareLogits(runs, parts, token, vocabSize)).toBeUndefined();
      for (const part of parts) expect(compareLogits(runs, [part], token, vocabSize)).toBeUndefined();
    }
});

it('finds a logit that is wrong', () => {
  const found = compareLogits(
    sent(
      1,
      undefined,
      changed(1, 7, (value) => value + 1),
    ),
    parts,
    1,
    vocabSize,
  );
  expect(found).toMatchObject({ of: 'logits', token: 1, index: 67, differing: 1 });
});

it('finds a logit that is too great, and therefore among those that were sent', () => {
  const found = compareLogits(
    sent(
      0,
      3,
      changed(0, 12, () => 50),
    ),
    parts,
    0,
    vocabSize,
  );
  expect(found).toMatchObject({ token: 0, index: 72, got: 0x42480000 });
});

it('finds a logit that was left out, though it is greater than one that was sent', () => {
  const all = changed(1, 4, () => 9);
  const runs = sent(1, 3);
  expect(compareLogits(runs, parts, 1, vocabSize)).toBeUndefined();
  expect(compareLogits(runs, all, 1, vocabSize)).toMatchObject({ token: 1, index: 64, got: 0xff7fffff });
  const infinite = changed(1, 4, () => Number.NaN);
  expect(compareLogits(runs, infinite, 1, vocabSize)).toMatchObject({ index: 64 });
});
