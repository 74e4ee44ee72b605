import { describe, expect, test } from 'vitest';
import { assignTiles } from '../../runtime/plan/assign-tiles.ts';
import type { Layout } from '../../runtime/plan/layout.ts';
import { pipeline, tensorParallel, wholeStep } from '../../runtime/plan/layouts.ts';
import { planByShares } from '../../runtime/plan/plan.ts';
import { tileSpecs } from '../../runtime/tile/spec.ts';
import { description } from '../support/description.ts';

const tiles = tileSpecs(
  description({ layerCount: 6, kvHeadCount: 5, headCount: 10, intermediateSize: 1280 }),
);
const hybrid: Layout = {
  stages: [
    { firstLayer: 0, endLayer: 4, shares: [3, 2, 0, 0] },
    { firstLayer: 4, endLayer: 6, shares: [0, 1, 1, 0] },
  ],
  vocabularyShares: [0, 0, 1, 1],
  microBatchTokens: 16,
};

describe('assignTiles', () => {
  test.each<[string, Layout]>([
    ['one stage', tensorParallel(6, [3, 2, 1], 8)],
    ['a pipeline', pipeline(6, [1, 2, 3], 8)],
    ['a hybrid', hybrid],
  ])('gives every tile to one who comes to it, and the base tile to all: %s', (_, layout) => {
    const assignments = assignTiles(tiles, layout);
    for (const { id, kind, layer } of tiles) {
      const holders = assignments.filter(({ tileIds }) => tileIds.includes(id));
      expect(holders).toHaveLength(kind === 'base' ? assignments.length : 1);
      if (kind === 'base') continue;
      const { legs, receivesHead } = holders[0]!;
      if (kind === 'vocabulary') expect(receivesHead || legs.at(-1)?.endLayer === 6).toBe(true);
      else
        expect(legs.some(({ firstLayer, endLayer }) => firstLayer <= layer && layer < endLayer)).toBe(true);
    }
  });

  test('tells each rank its way', () => {
    const leg = (
      firstLayer: number,
      endLayer: number,
      members: number,
      receives: boolean,
      sends: boolean,
    ) => ({
      firstLayer,
      endLayer,
      members,
      receives,
      sends,
    });
    const ways = assignTiles(tiles, hybrid).map(({ legs, receivesHead }) => ({ legs, receivesHead }));
    expect(ways).toEqual([
      { legs: [leg(0, 4, 2, false, true)], receivesHead: false },
      { legs: [leg(0, 4, 2, false, false), leg(4, 6, 2, false, true)], receivesHead: false },
      { legs: [leg(4, 6, 2, true, false)], receivesHead: false },
      { legs: [], receivesHead: true },
    ]);
  });

  test('keeps the shares of a stage over its layers', () => {
    const [one, other] = assignTiles(tiles, hybrid);
    const ffn = (ids: readonly number[]) =>
      ids.filter((id) => tiles[id]!.kind === 'ffn' && tiles[id]!.layer < 4);
    expect(ffn(one!.tileIds)).toHaveLength(12);
    expect(ffn(other!.tileIds)).toHaveLength(8);
  });

  test('of one stage is planByShares', () => {
    expect(assignTiles(tiles, tensorParallel(6, [2, 1], wholeStep))).toEqual(planByShares(tiles, [2, 1]));
  });

  test('a pipeline leaves out who gets less than half a layer', () => {
    const { stages, vocabularyShares } = pipeline(6, [100, 1, 1], 8);
    expect(stages).toEqual([{ firstLayer: 0, endLayer: 6, shares: [1, 0, 0] }]);
    expect(vocabularyShares).toEqual([1, 0, 0]);
  });

  const change = (changes: Partial<Layout>): Layout => ({ ...hybrid, ...changes });
  const [first, second] = hybrid.stages as [Layout['stages'][0], Layout['stages'][0]];
  test.each<[string, Layout]>([
    ['a gap', change({ stages: [{ ...first, endLayer: 3 }, second] })],
    ['an overlap', change({ stages: [first, { ...second, firstLayer: 3 }] })],
    ['an empty stage', change({ stages: [first, { ...first, firstLayer: 4 }, second] })],
    [
      'half a layer',
      change({
        stages: [
          { ...first, endLayer: 3.5 },
          { ...second, firstLayer: 3.5 },
        ],
      }),
    ],
    ['too few layers', change({ stages: [first] })],
    ['too many layers', change({ stages: [first, { ...second, endLayer: 7 }] })],
    ['no stages', change({ stages: [] })],
    ['layers that nobody has', change({ stages: [first, { ...second, shares: [0, 0, 0, 0] }] })],
    ['a negative share', change({ stages: [first, { ...second, shares: [0, 1, -1, 0] }] })],
    ['a share that is no number', change({ vocabularyShares: [0, Number.NaN, 1, 0] })],
    ['another number of ranks', change({ stages: [first, { ...second, shares: [0, 1] }] })],
    ['a head that nobody has', change({ vocabularyShares: [0, 0, 0, 0] })],
    ['micro-batches of nothing', change({ microBatchTokens: 0 })],
    ['micro-batches beyond any step', change({ microBatchTokens: wholeStep + 1 })],
  ])('refuses %s', (_, layout) => {
    expect(() => assignTiles(tiles, layout)).toThrow(expect.objectContaining({ code: 'PLAN_BAD_LAYOUT' }));
  });
});
