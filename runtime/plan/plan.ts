import { HearthError } from '../error.ts';
import { tileGroups } from '../tile/groups.ts';
import type { TileKind, TileSpec } from '../tile/spec.ts';

/** What one rank holds. */
export interface Assignment {
  readonly rank: number;
  readonly worldSize: number;
  /** Ids of its tiles, ascending; the base tile is among them. */
  readonly tileIds: readonly number[];
}

/**
 * Divides each layer's tiles, and the vocabulary's, among ranks by given shares; a rank gets runs of neighbours.
 * What rounding takes from a rank in one layer it gets back in a later one, so that shares hold over the model.
 * @param shares one positive number a rank, in any unit, for example `[3, 2, 1]`
 * @throws HearthError PLAN_BAD_SPLIT
 */
export function planByShares(tiles: readonly TileSpec[], shares: readonly number[]): Assignment[] {
  checkShares(shares);
  const total = shares.reduce((sum, share) => sum + share, 0);
  const held: number[][] = shares.map(() => []);
  const owed = new Map<TileKind, number[]>();
  for (const indexes of tileGroups(tiles)) {
    const group = indexes.map((index) => tiles[index]!);
    const kind = group[0]!.kind;
    if (kind === 'base') {
      for (const ids of held) ids.push(...group.map((tile) => tile.id));
      continue;
    }
    const debts = owed.get(kind) ?? shares.map(() => 0);
    owed.set(kind, debts);
    const wanted = shares.map((share, rank) => (group.length * share) / total + debts[rank]!);
    const counts = roundToSum(wanted, group.length);
    let next = 0;
    counts.forEach((count, rank) => {
      debts[rank] = wanted[rank]! - count;
      for (const tile of group.slice(next, next + count)) held[rank]!.push(tile.id);
      next += count;
    });
  }
  return held.map((tileIds, rank) => ({ rank, worldSize: shares.length, tileIds }));
}

/** Whole non-negative numbers near `wanted` with the given sum: the largest remainders are rounded up. */
function roundToSum(wanted: readonly number[], sum: number): number[] {
  const counts = wanted.map((value) => Math.max(0, Math.floor(value)));
  const missing = () => sum - counts.reduce((a, b) => a + b, 0);
  const byRemainder = wanted
    .map((value, rank) => ({ rank, remainder: value - counts[rank]! }))
    .sort((a, b) => b.remainder - a.remainder || a.rank - b.rank);
  for (let i = 0; missing() > 0; i += 1) counts[byRemainder[i % counts.length]!.rank]! += 1;
  // Debts below zero were lifted to zero above: take what is too much from those with the smallest remainder.
  for (let i = byRemainder.length - 1; missing() < 0; i = (i + byRemainder.length - 1) % byRemainder.length) {
    const { rank } = byRemainder[i]!;
    if (counts[rank]! > 0) counts[rank]! -= 1;
  }
  return counts;
}

function checkShares(shares: readonly number[]): void {
  if (shares.length > 0 && shares.every((share) => Number.isFinite(share) && share > 0)) return;
  throw new HearthError(
    'PLAN_BAD_SPLIT',
    `a split is one positive number for each rank, such as 3,2,1; got ${shares.join(',') || 'nothing'}`,
    { split: shares.join(',') },
  );
}
