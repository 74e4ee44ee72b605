import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { fairShares } from '../../coordinator/scheduler/fair-share.ts';

describe('fairShares', () => {
  it.each([
    ['next tokens first, the rest to a prompt', 16, [1, 1, 500], [1, 1, 14]],
    ['a short prompt whole beside a long one', 64, [1, 10, 900], [1, 10, 53]],
    ['two long prompts alike', 33, [1, 900, 900], [1, 16, 16]],
    ['more answers than tokens', 2, [1, 1, 1], [1, 1, 0]],
    ['less wanted than there is', 16, [1, 3], [1, 3]],
  ])('%s', (_, budget, wants, shares) => {
    expect(fairShares(budget, wants)).toEqual(shares);
  });

  it('spends all it can and no more', () => {
    const wants = fc.array(fc.integer({ min: 1, max: 50 }), { minLength: 1, maxLength: 20 });
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 200 }), wants, (budget, unsorted) => {
        const sorted = unsorted.toSorted((a, b) => a - b);
        const shares = fairShares(budget, sorted);
        const total = shares.reduce((sum, share) => sum + share, 0);
        expect(total).toBe(
          Math.min(
            budget,
            sorted.reduce((sum, want) => sum + want, 0),
          ),
        );
        for (const [index, share] of shares.entries()) expect(share).toBeLessThanOrEqual(sorted[index]!);
      }),
    );
  });
});
