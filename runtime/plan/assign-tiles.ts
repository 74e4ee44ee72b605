import { tileGroups } from '../tile/groups.ts';
import type { TileSpec } from '../tile/spec.ts';
import { checkLayout } from './check-layout.ts';
import type { Layout } from './layout.ts';
import type { Assignment, Leg } from './plan.ts';
import { membersOf, residualRoutes } from './residual-routes.ts';

/**
 * Divides a model's tiles among ranks as a layout says, and tells each rank its way through a step. Of a layer and kind
 * a rank gets a run of neighbours. What rounding takes from a rank in one layer it gets back in a later one of the
 * stage, so that shares hold over its layers.
 * @throws HearthError PLAN_BAD_LAYOUT
 */
export function assignTiles(tiles: readonly TileSpec[], layout: Layout): Assignment[] {
  checkLayout(layout, 1 + Math.max(...tiles.map(({ layer }) => layer)));
  const { stages, vocabularyShares, microBatchTokens } = layout;
  const held: number[][] = vocabularyShares.map(() => []);
  const owed = new Map<string, number[]>();
  for (const indexes of tileGroups(tiles)) {
    const group = indexes.map((index) => tiles[index]!);
    const { kind, layer } = group[0]!;
    if (kind === 'base') {
      for (const ids of held) ids.push(...group.map(({ id }) => id));
      continue;
    }
    const stage = kind === 'vocabulary' ? undefined : stages.find(({ endLayer }) => layer < endLayer);
    const debtsOf = `${kind} ${stage?.firstLayer}`;
    const debts = owed.get(debtsOf) ?? held.map(() => 0);
    owed.set(debtsOf, debts);
    deal(group, stage?.shares ?? vocabularyShares, debts, held);
  }
  const routes = residualRoutes(layout);
  return held.map((tileIds, rank) => ({
    rank,
    worldSize: held.length,
    tileIds,
    legs: legsOf(layout, rank),
    receivesHead: routes.some(
      ({ layer, receivers }) => layer === stages.at(-1)!.endLayer && receivers.includes(rank),
    ),
    microBatchTokens,
  }));
}

function legsOf(layout: Layout, rank: number): Leg[] {
  const routes = residualRoutes(layout);
  return layout.stages
    .filter(({ shares }) => shares[rank]! > 0)
    .map(({ firstLayer, endLayer, shares }) => ({
      firstLayer,
      endLayer,
      members: membersOf(shares).length,
      receives: routes.some(({ layer, receivers }) => layer === firstLayer && receivers.includes(rank)),
      sends: routes.some(({ layer, sender }) => layer === endLayer && sender === rank),
    }));
}

/** Divides tiles of one kind and layer. @param debts what each rank got too little of so far, in tiles; updated */
function deal(
  group: readonly TileSpec[],
  shares: readonly number[],
  debts: number[],
  held: readonly number[][],
): void {
  const members = membersOf(shares);
  const total = members.reduce((sum, rank) => sum + shares[rank]!, 0);
  const wanted = members.map((rank) => (group.length * shares[rank]!) / total + debts[rank]!);
  const counts = roundToSum(wanted, group.length);
  let next = 0;
  members.forEach((rank, i) => {
    debts[rank] = wanted[i]! - counts[i]!;
    for (const { id } of group.slice(next, next + counts[i]!)) held[rank]!.push(id);
    next += counts[i]!;
  });
}

/** Whole non-negative numbers near `wanted` with the given sum: the largest remainders are rounded up. */
function roundToSum(wanted: readonly number[], sum: number): number[] {
  const counts = wanted.map((value) => Math.max(0, Math.floor(value)));
  const missing = () => sum - counts.reduce((a, b) => a + b, 0);
  const byRemainder = wanted
    .map((value, place) => ({ place, remainder: value - counts[place]! }))
    .sort((a, b) => b.remainder - a.remainder || a.place - b.place);
  for (let i = 0; missing() > 0; i += 1) counts[byRemainder[i % counts.length]!.place]! += 1;
  // Debts below zero were lifted to zero above: take what is too much from those with the smallest remainder.
  for (let i = byRemainder.length - 1; missing() < 0; i = (i + byRemainder.length - 1) % byRemainder.length) {
    const { place } = byRemainder[i]!;
    if (counts[place]! > 0) counts[place]! -= 1;
  }
  return counts;
}
