import { describe, expect, test } from 'vitest';
import { type Placeable, type PlacementLimits, placement } from '../../runtime/plan/placement.ts';
import { Random } from '../support/random.ts';

function savedBy(items: readonly Placeable[], held: readonly number[], wholeLayer: number): number {
  const layers = [...new Set(items.map(({ layer }) => layer))];
  const isWhole = (layer: number) => items.every((item, i) => item.layer !== layer || held.includes(i));
  const saved = held.reduce((sum, i) => sum + items[i]!.saved, 0);
  return saved + wholeLayer * layers.filter(isWhole).length;
}

const bytesOf = (items: readonly Placeable[], held: readonly number[]) =>
  held.reduce((sum, i) => sum + items[i]!.bytes, 0);

/** The best of all subsets. */
function exactOptimum(items: readonly Placeable[], { capacityBytes, wholeLayer }: PlacementLimits): number {
  let best = 0;
  for (let subset = 0; subset < 2 ** items.length; subset += 1) {
    const held = items.flatMap((_, i) => ((subset >> i) & 1 ? [i] : []));
    if (bytesOf(items, held) <= capacityBytes) best = Math.max(best, savedBy(items, held, wholeLayer));
  }
  return best;
}

/** Up to twelve tiles in three layers, of like or unlike size, that fire by a power law. */
function randomCase(seed: number): { items: Placeable[]; limits: PlacementLimits } {
  const random = new Random(seed);
  const sameSize = seed % 2 === 0;
  const items = Array.from({ length: 6 + random.integer(7) }, () => ({
    layer: random.integer(3),
    bytes: sameSize ? 100 : 20 + random.integer(100),
    saved: 100 * random.unit() ** 3,
  }));
  const all = bytesOf(
    items,
    items.map((_, i) => i),
  );
  const wholeLayer = seed % 3 === 0 ? 0 : 40 * random.unit();
  return { items, limits: { capacityBytes: Math.floor(all * (0.3 + 0.6 * random.unit())), wholeLayer } };
}

describe('a placement', () => {
  test.each(Array.from({ length: 60 }, (_, seed) => seed))(
    'saves what an exact solver finds, but for 5 %%, seed %i',
    (seed) => {
      const { items, limits } = randomCase(seed);
      const held = placement(items, limits);
      expect(new Set(held).size).toBe(held.length);
      expect(bytesOf(items, held)).toBeLessThanOrEqual(limits.capacityBytes);
      const best = exactOptimum(items, limits);
      expect(best).toBeGreaterThan(0);
      expect(savedBy(items, held, limits.wholeLayer)).toBeGreaterThanOrEqual(0.95 * best);
    },
  );

  test('of one size and without layers takes the hottest', () => {
    const items = [3, 9, 1, 7, 5].map((saved, i) => ({ layer: i, bytes: 10, saved }));
    expect(placement(items, { capacityBytes: 35, wholeLayer: 0 })).toEqual([1, 3, 4]);
  });

  test('completes a layer where that saves more than the hottest of others', () => {
    const items = [6, 6, 4, 4].map((saved, i) => ({ layer: i < 2 ? i : 2, bytes: 10, saved }));
    items.push({ layer: 0, bytes: 100, saved: 1 }, { layer: 1, bytes: 100, saved: 1 });
    expect(placement(items, { capacityBytes: 20, wholeLayer: 3 })).toEqual([0, 1]);
    expect(placement(items, { capacityBytes: 20, wholeLayer: 5 })).toEqual([2, 3]);
  });

  test('holds nothing that saves nothing, and nothing without room', () => {
    const items = [0, 2].map((saved) => ({ layer: 0, bytes: 10, saved }));
    expect(placement(items, { capacityBytes: 100, wholeLayer: 0 })).toEqual([1]);
    expect(placement(items, { capacityBytes: 9, wholeLayer: 1 })).toEqual([]);
    expect(placement([], { capacityBytes: 9, wholeLayer: 1 })).toEqual([]);
  });
});
