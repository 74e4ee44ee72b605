import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { bestTokens } from '../../runtime/sampling/best-tokens.ts';
import { Random } from '../../runtime/sampling/random.ts';

/** Few distinct values, so that ties are common; both zeros. */
const tiedLogits = fc
  .array(fc.constantFrom(-3, -1.5, -0, 0, 1e-40, 2, 3.5), { minLength: 1, maxLength: 60 })
  .map((values) => Float32Array.from(values));

const anyLogits = fc
  .array(fc.float({ noNaN: true }), { minLength: 1, maxLength: 200 })
  .map((values) => Float32Array.from(values));

function sortedIds(logits: Float32Array): number[] {
  return Array.from(logits.keys()).sort((a, b) => logits[b]! - logits[a]! || a - b);
}

describe('bestTokens', () => {
  it.each([
    ['with ties', tiedLogits],
    ['of any floats', anyLogits.filter((row) => row.every(Number.isFinite))],
  ])('is the head of a stable sort, %s', (_, rows) => {
    fc.assert(
      fc.property(rows, fc.nat(), (logits, seed) => {
        const count = seed % (logits.length + 1);
        expect([...bestTokens(logits, count)]).toEqual(sortedIds(logits).slice(0, count));
      }),
      { numRuns: 300 },
    );
  });

  it('ranks masked tokens last', () => {
    expect([...bestTokens(Float32Array.of(-Infinity, 1, -Infinity, 2), 4)]).toEqual([3, 1, 0, 2]);
  });

  it('reads a view that does not start at its buffer', () => {
    const whole = Float32Array.of(9, 1, 5, 3);
    expect([...bestTokens(whole.subarray(1), 2)]).toEqual([1, 2]);
  });

  it('finds few among many', () => {
    const random = new Random(3);
    const logits = Float32Array.from({ length: 131_072 }, () => random.nextUnit() * 20);
    expect([...bestTokens(logits, 40)]).toEqual(sortedIds(logits).slice(0, 40));
  });
});
