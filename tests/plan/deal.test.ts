import { describe, expect, test } from 'vitest';
import { dealLayout } from '../../runtime/plan/deal.ts';
import { planByShares } from '../../runtime/plan/plan.ts';
import { modelWork } from '../../runtime/plan/workload.ts';
import { Random } from '../../runtime/sampling/random.ts';
import { planOptions, smallModel } from '../support/plan.ts';

const work = modelWork(smallModel(), planOptions);

describe('a deal', () => {
  test('is the same as that of the tiles themselves', () => {
    const random = new Random(1);
    for (let round = 0; round < 30; round += 1) {
      const shares = Array.from({ length: 1 + (random.nextUint32() % 9) }, () => 0.01 + random.nextUnit());
      const stages = [{ firstLayer: 0, endLayer: 22, shares }];
      const deal = dealLayout(work, { stages, vocabularyShares: shares, microBatchTokens: 32 });
      planByShares(work.specs, shares).forEach(({ tileIds }, rank) => {
        const held = tileIds.map((id) => work.specs[id]!);
        const count = (sublayer: number) =>
          held.filter(
            ({ kind, layer }) => kind === (sublayer % 2 ? 'ffn' : 'attention') && layer === sublayer >> 1,
          ).length;
        expect(deal.sublayers.map((counts) => counts[rank])).toEqual(work.sublayers.map((_, i) => count(i)));
        expect(deal.vocabulary[rank]).toBe(held.filter(({ kind }) => kind === 'vocabulary').length);
      });
    }
  });

  test('gives nothing to ranks without a share, in each stage by itself', () => {
    const stages = [
      { firstLayer: 0, endLayer: 8, shares: [0, 1, 2] },
      { firstLayer: 8, endLayer: 22, shares: [3, 0, 0] },
    ];
    const deal = dealLayout(work, { stages, vocabularyShares: [1, 0, 0], microBatchTokens: 32 });
    expect(deal.members).toEqual([[1, 2], [0]]);
    expect(deal.sublayers.slice(0, 16).every(([first]) => first === 0)).toBe(true);
    expect(deal.sublayers.slice(16).every((counts) => counts[1] === 0 && counts[2] === 0)).toBe(true);
    expect(deal.sublayers[1]![1]! + deal.sublayers[1]![2]!).toBe(22);
    expect(deal.vocabulary).toEqual([63, 0, 0]);
  });

  test('has the slowest of each layer as little slow as any division could', () => {
    const random = new Random(2);
    for (let round = 0; round < 30; round += 1) {
      const shares = Array.from({ length: 2 + (round % 4) }, () => 0.05 + random.nextUnit());
      const stages = [{ firstLayer: 0, endLayer: 22, shares }];
      const deal = dealLayout(work, { stages, vocabularyShares: shares, microBatchTokens: 32 });
      for (const counts of [...deal.sublayers, deal.vocabulary]) {
        const tiles = counts.reduce((sum, count) => sum + count, 0);
        const slowest = Math.max(...counts.map((count, rank) => count / shares[rank]!));
        // With all a little faster than that, they could not hold all tiles.
        const held = shares.map((share) => Math.floor(share * slowest * (1 - 1e-6)));
        expect(held.reduce((sum, count) => sum + count, 0)).toBeLessThan(tiles);
      }
    }
  });

  test('keeps shares over all layers if asked to', () => {
    const shares = [0.45, 0.35, 0.2];
    const stages = [{ firstLayer: 0, endLayer: 22, shares }];
    const deal = (keepsShares: boolean) =>
      dealLayout(work, { stages, vocabularyShares: shares, microBatchTokens: 32, keepsShares });
    const ofAttention = (keepsShares: boolean, rank: number) =>
      deal(keepsShares)
        .sublayers.filter((_, sublayer) => sublayer % 2 === 0)
        .reduce((sum, counts) => sum + counts[rank]!, 0) /
      (4 * 22);
    for (const [rank, share] of shares.entries())
      expect(Math.abs(ofAttention(true, rank) - share)).toBeLessThan(0.02);
    expect(ofAttention(false, 2)).toBe(0.25);
  });
});
