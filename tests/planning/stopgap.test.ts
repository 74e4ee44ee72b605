import { describe, expect, it } from 'vitest';
import type { Member } from '../../coordinator/cluster/member.ts';
import type { Seat } from '../../coordinator/cluster/roster.ts';
import { layoutWithout, stopgapFor } from '../../coordinator/planning/stopgap.ts';
import { assignTiles } from '../../runtime/plan/assign-tiles.ts';
import { pipeline, tensorParallel } from '../../runtime/plan/layouts.ts';
import { fakeModel, fakeRankOptions } from '../cluster/fake-model.ts';

describe('a layout without some of its ranks', () => {
  it('shares a stage among those who are left of it, who keep most of what they have', () => {
    const before = tensorParallel(2, [1, 1, 1, 1], 32);
    const left = layoutWithout(before, [0, 2, 3])!;
    expect(left).toEqual(tensorParallel(2, [1, 1, 1], 32));
    const { tiles } = fakeModel();
    const had = assignTiles(tiles, before);
    const has = assignTiles(tiles, left);
    const kept = [0, 2, 3].map((old, rank) =>
      has[rank]!.tileIds.filter((id) => had[old]!.tileIds.includes(id)),
    );
    expect(kept.flat().length).toBeGreaterThan(0.6 * had.flatMap(({ tileIds }) => tileIds).length);
  });

  it.each([
    ['the first', [1, 2], [0, 8, 12]],
    ['the middle one', [0, 2], [0, 6, 12]],
    ['the last', [0, 1], [0, 4, 12]],
  ])('gives the layers of %s of a pipeline to its neighbours', (_, ranks, borders) => {
    const { stages, vocabularyShares } = layoutWithout(pipeline(12, [1, 1, 1], 32), ranks)!;
    expect([0, ...stages.map(({ endLayer }) => endLayer)]).toEqual(borders);
    expect(stages.map(({ firstLayer }) => firstLayer)).toEqual(borders.slice(0, -1));
    expect(stages.map(({ shares }) => shares)).toEqual([
      [1, 0],
      [0, 1],
    ]);
    expect(vocabularyShares).toEqual([0, 1]);
  });

  it('is none without anybody who computes layers', () => {
    const { stages } = tensorParallel(2, [1, 0], 32);
    expect(layoutWithout({ stages, vocabularyShares: [0, 1], microBatchTokens: 32 }, [1])).toBeUndefined();
  });
});

describe('a stopgap', () => {
  const seat = (memoryBytes: number): Seat => {
    const member = { info: { capabilities: { threads: 1, memoryBytes } } } as unknown as Member;
    return { index: 0, member, share: 1, declined: undefined };
  };
  const stopgap = stopgapFor(fakeModel(), fakeRankOptions);

  it('is for those who are left', () => {
    const seats = [seat(1e9), seat(1e9), seat(1e9)];
    const before = { seats, layout: tensorParallel(2, [1, 1, 1], 32) };
    const here = [seats[2]!, seats[0]!];
    expect(stopgap(before, here)).toEqual({
      seats: [seats[0], seats[2]],
      layout: tensorParallel(2, [1, 1], 32),
    });
  });

  it('is none where one lacks the memory, or does not say what it has', () => {
    for (const memoryBytes of [1000, 0]) {
      const seats = [seat(1e9), seat(memoryBytes), seat(1e9)];
      const before = { seats, layout: tensorParallel(2, [1, 1, 1], 32) };
      expect(stopgap(before, seats.slice(0, 2))).toBeUndefined();
    }
  });
});
