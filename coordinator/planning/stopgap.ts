import { rankBytes } from '../../runtime/decoder/rank-bytes.ts';
import type { RankOptions } from '../../runtime/decoder/rank-options.ts';
import { assignTiles } from '../../runtime/plan/assign-tiles.ts';
import type { Layout, PipelineStage } from '../../runtime/plan/layout.ts';
import { narrowLayout } from '../../runtime/plan/subset.ts';
import type { Stopgap } from '../cluster/arrangement.ts';
import type { ModelSource } from '../cluster/tile-delivery.ts';

/**
 * A layout for some of its ranks: what others had goes to who shares a stage with them, and the layers of a stage with
 * nobody left to its neighbours. Whoever stays keeps most of what it has.
 * @param ranks those that stay
 * @returns undefined if nobody who computes layers stays
 */
export function layoutWithout(layout: Layout, ranks: readonly number[]): Layout | undefined {
  const { stages, vocabularyShares, microBatchTokens } = narrowLayout(layout, ranks);
  const left = stages.filter(({ shares }) => hasPart(shares));
  if (left.length === 0) return undefined;
  const { endLayer } = stages.at(-1)!;
  const joined = left.map((stage, i): PipelineStage => {
    const [before, after] = [left[i - 1], left[i + 1]];
    return {
      shares: stage.shares,
      ...(stage.ffnShares && hasPart(stage.ffnShares) && { ffnShares: stage.ffnShares }),
      firstLayer: before ? middle(before.endLayer, stage.firstLayer) : 0,
      endLayer: after ? middle(stage.endLayer, after.firstLayer) : endLayer,
    };
  });
  const head = hasPart(vocabularyShares) ? vocabularyShares : joined.at(-1)!.shares;
  return { stages: joined, vocabularyShares: head, microBatchTokens };
}

/** What is left of an arrangement goes on with what is left to do, if each has the memory for it. */
export function stopgapFor({ description, tiles }: ModelSource, options: RankOptions): Stopgap {
  return ({ seats, layout }, here) => {
    const ranks = [...seats.keys()].filter((rank) => here.includes(seats[rank]!));
    const left = layoutWithout(layout, ranks);
    if (!left) return undefined;
    const assignments = assignTiles(tiles, left);
    const staying = ranks.map((rank) => seats[rank]!);
    const fits = staying.every(({ member }, rank) => {
      const { threads, memoryBytes } = member.info.capabilities;
      const bytes = rankBytes(description, assignments[rank]!, options, threads);
      return bytes.tiles + bytes.rest <= memoryBytes;
    });
    return fits ? { seats: staying, layout: left } : undefined;
  };
}

function hasPart(shares: readonly number[]): boolean {
  return shares.some((share) => share > 0);
}

function middle(first: number, end: number): number {
  return (first + end) >> 1;
}
