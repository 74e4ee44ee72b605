import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { LogitPicker } from '../../runtime/decoder/logit-picker.ts';
import { unsentLogit } from '../../runtime/decoder/logit-rows.ts';
import { TokenHistory } from '../../runtime/sampling/history.ts';
import { neededLogits } from '../../runtime/sampling/needed-logits.ts';
import { defaultSampling, type SamplingParams } from '../../runtime/sampling/params.ts';
import { sampler } from './fixtures.ts';

const vocabSize = 300;
/** Vocabulary rows of three ranks; two tiles of the second have others between them. */
const held = [
  [[0, 100]],
  [
    [100, 110],
    [150, 220],
  ],
  [
    [110, 150],
    [220, 300],
  ],
] as const;

/** Close to each other, often equal, of either sign. */
const rows = fc
  .array(fc.integer({ min: -40, max: 40 }), { minLength: vocabSize, maxLength: vocabSize })
  .map((values) => Float32Array.from(values, (value) => value / 8));

const wishes: fc.Arbitrary<Partial<SamplingParams>> = fc.record(
  {
    temperature: fc.constantFrom(0, 0.7, 2),
    topK: fc.constantFrom(1, 5, 40),
    topP: fc.constantFrom(0.5, 1),
    minP: fc.constantFrom(0, 0.1),
    repetitionPenalty: fc.constantFrom(1, 1.3, 100),
    repetitionWindow: fc.constantFrom(0, 8),
    presencePenalty: fc.constantFrom(0, 2),
    frequencyPenalty: fc.constantFrom(0, 1),
    logitBias: fc.constantFrom(
      new Map(),
      new Map([
        [7, -100],
        [8, 0],
      ]),
    ),
  },
  { requiredKeys: [] },
);

/** What the hub has when each rank has sent what is needed of a row. */
function gathered(row: Float32Array, best: number): { readonly row: Float32Array; readonly sent: number } {
  const whole = new Float32Array(vocabSize).fill(unsentLogit);
  let sent = 0;
  for (const ranges of held) {
    const parts = ranges.map(([first, end]) => ({
      firstVocabularyRow: first,
      vocabularyRows: end - first,
      values: row.slice(first, end),
    }));
    for (const { firstVocabularyRow, values } of new LogitPicker().pick(parts, 0, best)) {
      whole.set(values, firstVocabularyRow);
      sent += values.length;
    }
  }
  return { row: whole, sent };
}

describe('the logits that are needed', () => {
  it('choose the tokens that all of them would', () => {
    fc.assert(
      fc.property(fc.array(rows, { minLength: 3, maxLength: 6 }), wishes, fc.nat(), (steps, wish, seed) => {
        const params = { ...defaultSampling, ...wish, seed };
        const [whole, picked] = [sampler(params, vocabSize), sampler(params, vocabSize)];
        const history = new TokenHistory([3, 4, 5, 3]);
        for (const row of steps) {
          const best = neededLogits(params, history)!;
          expect(best).toBeGreaterThan(0);
          const { token } = whole.sample(row, history);
          expect(picked.sample(gathered(row, best).row, history).token).toBe(token);
          history.push(token);
        }
      }),
      { numRuns: 200 },
    );
  });

  it('are few', () => {
    const row = Float32Array.from({ length: vocabSize }, (_, i) => Math.sin(i));
    expect(neededLogits(defaultSampling, new TokenHistory([1, 2]))).toBe(40);
    expect(gathered(row, 5).sent).toBe(15);
    expect(neededLogits({ ...defaultSampling, temperature: 0 }, new TokenHistory([1]))).toBe(1);
  });

  it('are as many more as may be lowered beneath others', () => {
    const history = new TokenHistory([1, 2, 2, 3]);
    history.push(9);
    const needed = (wish: Partial<SamplingParams>) =>
      neededLogits({ ...defaultSampling, topK: 10, ...wish }, history);
    expect(needed({ repetitionPenalty: 1.1 })).toBe(14);
    expect(needed({ repetitionPenalty: 1.1, repetitionWindow: 2 })).toBe(12);
    expect(needed({ frequencyPenalty: 0.5 })).toBe(11);
    expect(
      needed({
        logitBias: new Map([
          [4, -1],
          [5, -2],
        ]),
      }),
    ).toBe(12);
  });

  it.each<Partial<SamplingParams>>([
    { topK: 0 },
    { topLogprobs: 0 },
    { repetitionPenalty: 0.9 },
    { presencePenalty: -1 },
    { frequencyPenalty: -1 },
    { logitBias: new Map([[4, 1]]) },
  ])('are all with %o', (wish) => {
    expect(neededLogits({ ...defaultSampling, ...wish }, new TokenHistory([1]))).toBeUndefined();
  });
});
