import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { planByShares } from '../../runtime/plan/plan.ts';
import { type TileSpec, tileSpecs } from '../../runtime/tile/spec.ts';
import { description } from '../support/description.ts';

const tiles = tileSpecs(
  description({ layerCount: 8, kvHeadCount: 5, headCount: 10, intermediateSize: 1280 }),
);

function heldByKind(tileIds: readonly number[], kind: TileSpec['kind']): number {
  return tileIds.filter((id) => tiles[id]!.kind === kind).length;
}

describe('planByShares', () => {
  test('gives every tile to exactly one rank, and the base tile to all', () => {
    fc.assert(
      fc.property(
        fc.array(fc.double({ min: 0.01, max: 100, noNaN: true }), { minLength: 1, maxLength: 9 }),
        (shares) => {
          const plan = planByShares(tiles, shares);
          const holders = tiles.map((tile) => plan.filter(({ tileIds }) => tileIds.includes(tile.id)).length);
          expect(holders).toEqual(tiles.map((tile) => (tile.kind === 'base' ? shares.length : 1)));
          expect(plan.every(({ tileIds }) => tileIds.every((id, i) => i === 0 || id > tileIds[i - 1]!))).toBe(
            true,
          );
        },
      ),
    );
  });

  test('keeps shares over the model where a layer alone cannot', () => {
    // 5 tiles a layer in shares 3:2:1 cannot be exact in a layer; over 8 layers they come within one tile.
    const plan = planByShares(tiles, [3, 2, 1]);
    const total = tiles.filter((tile) => tile.kind === 'ffn').length;
    for (const [rank, share] of [3, 2, 1].entries())
      expect(Math.abs(heldByKind(plan[rank]!.tileIds, 'ffn') - (total * share) / 6)).toBeLessThanOrEqual(1);
  });

  test('leaves ranks without attention tiles where there are fewer heads than ranks', () => {
    const plan = planByShares(tiles, [1, 1, 1, 1, 1, 1, 1]);
    expect(plan).toHaveLength(7);
    const attention = plan.map(({ tileIds }) => heldByKind(tileIds, 'attention'));
    expect(attention.reduce((a, b) => a + b)).toBe(8 * 5);
  });

  test.each([[[]], [[0, 1]], [[1, -1]], [[Number.NaN]], [[Number.POSITIVE_INFINITY]]])(
    'refuses %j',
    (shares) => {
      expect(() => planByShares(tiles, shares)).toThrow(expect.objectContaining({ code: 'PLAN_BAD_SPLIT' }));
    },
  );
});
