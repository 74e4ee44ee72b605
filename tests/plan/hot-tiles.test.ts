import { describe, expect, test } from 'vitest';
import { assignTiles } from '../../runtime/plan/assign-tiles.ts';
import { dealLayout } from '../../runtime/plan/deal.ts';
import { dealByHeat } from '../../runtime/plan/hot-tiles.ts';
import type { Layout } from '../../runtime/plan/layout.ts';
import { tileLoads } from '../../runtime/plan/tile-loads.ts';
import { modelWork } from '../../runtime/plan/workload.ts';
import { Random } from '../../runtime/sampling/random.ts';
import { planOptions, smallModel } from '../support/plan.ts';
import { sparseShape } from '../support/sparse-description.ts';

const sum = (values: readonly number[]) => values.reduce((total, value) => total + value, 0);
const ffnOf = (tiles: ReturnType<typeof modelWork>['specs'], layer: number) =>
  tiles.filter((tile) => tile.kind === 'ffn' && tile.layer === layer);

/** The least that the slower of two ranks can have for its share, of all ways to give the first so many tiles. */
function leastSlowest(loads: readonly number[], count: number, shares: readonly number[]): number {
  let least = Number.POSITIVE_INFINITY;
  for (let set = 0; set < 1 << loads.length; set += 1) {
    const own = loads.filter((_, tile) => set & (1 << tile));
    if (own.length === count) least = Math.min(least, slowest([sum(own), sum(loads) - sum(own)], shares));
  }
  return least;
}

function slowest(loads: readonly number[], shares: readonly number[]): number {
  return Math.max(...loads.map((load, rank) => (load > 0 ? load / shares[rank]! : 0)));
}

describe('hot tiles', () => {
  test('are dealt so that, by the number of tiles that each has, the slower is hardly slower than it must be', () => {
    const random = new Random(3);
    let best = 0;
    for (let round = 0; round < 200; round += 1) {
      const loads = Array.from({ length: 9 }, () => 0.2 + 4 * random.nextUnit() ** 3);
      const shares = [0.5 + 3 * random.nextUnit(), 1];
      const count = 1 + (random.nextUint32() % 8);
      const held = dealByHeat(loads, { counts: [count, 9 - count], shares });
      expect(held.map((tiles) => tiles.length)).toEqual([count, 9 - count]);
      expect(held.flat().sort((a, b) => a - b)).toEqual([...loads.keys()]);
      const found = slowest(
        held.map((tiles) => sum(tiles.map((tile) => loads[tile]!))),
        shares,
      );
      const least = leastSlowest(loads, count, shares);
      if (found <= least * (1 + 1e-9)) best += 1;
      expect(found).toBeLessThanOrEqual(least + Math.max(...loads) / Math.min(...shares));
    }
    expect(best).toBeGreaterThan(90);
  });

  test('go to who has little room for its speed, until that is its part of all that is read', () => {
    const loads = [1, 8, 2, 4, 1, 8];
    expect(dealByHeat(loads, { counts: [2, 4], shares: [9, 1] })).toEqual([
      [1, 5],
      [0, 2, 3, 4],
    ]);
    expect(dealByHeat(loads, { counts: [4, 2], shares: [1, 9] })).toEqual([
      [0, 2, 3, 4],
      [1, 5],
    ]);
    // Half of all, and no more.
    expect(dealByHeat(loads, { counts: [2, 4], shares: [1, 1] })).toEqual([
      [3, 5],
      [0, 1, 2, 4],
    ]);
    expect(dealByHeat(loads, { counts: [0, 6], shares: [1, 1] })).toEqual([[], [0, 1, 2, 3, 4, 5]]);
  });

  test('are dealt in plans as they are dealt', () => {
    const random = new Random(4);
    const { description, shares: rows } = sparseShape(smallModel(), false);
    const work = modelWork(description, planOptions, rows);
    for (let round = 0; round < 20; round += 1) {
      const some = () => Array.from({ length: 2 + (round % 3) }, () => 0.05 + random.nextUnit());
      const [shares, ffnShares] = [some(), some()];
      const stages = [{ firstLayer: 0, endLayer: 22, shares, ffnShares }];
      const layout: Layout = { stages, vocabularyShares: shares, microBatchTokens: 32 };
      const deal = dealLayout(work, layout);
      assignTiles(work.specs, layout).forEach(({ tileIds }, rank) => {
        for (let layer = 0; layer < 22; layer += 1) {
          const group = ffnOf(work.specs, layer);
          const loads = tileLoads(group)!;
          const own = [...group.keys()].filter((place) => tileIds.includes(group[place]!.id));
          expect(deal.sublayers[2 * layer + 1]![rank]).toBe(own.length);
          expect(deal.places[2 * layer + 1]![rank]).toEqual(own);
          expect(deal.loads[2 * layer + 1]![rank]).toBeCloseTo(sum(own.map((place) => loads[place]!)), 6);
        }
      });
    }
  });

  test('are as other tiles where a layout says nothing of them', () => {
    const { description } = sparseShape(smallModel(), true);
    const [plain, sparse] = [smallModel(), description].map((of) => {
      const { specs } = modelWork(of, planOptions);
      const stages = [{ firstLayer: 0, endLayer: 22, shares: [3, 2, 1] }];
      return assignTiles(specs, { stages, vocabularyShares: [1, 1, 1], microBatchTokens: 32 });
    });
    expect(sparse!.map(({ tileIds }) => tileIds)).toEqual(plain!.map(({ tileIds }) => tileIds));
  });

  test('are those of which most is read: gates too, where they are predicted', () => {
    const loadsOf = (isPredicted: boolean) => {
      const { description } = sparseShape(smallModel(), isPredicted);
      return tileLoads(ffnOf(modelWork(description, planOptions).specs, 0))!;
    };
    const [exact, predicted] = [loadsOf(false), loadsOf(true)];
    for (const loads of [exact, predicted]) expect(sum(loads)).toBeCloseTo(22, 9);
    expect(Math.max(...exact)).toBeLessThan(3);
    expect(Math.max(...predicted)).toBeGreaterThan(4);
    expect(predicted.indexOf(Math.max(...predicted))).toBe(exact.indexOf(Math.max(...exact)));
    expect(tileLoads(ffnOf(modelWork(smallModel(), planOptions).specs, 0))).toBeUndefined();
  });
});
