import { tileGroups } from '../tile/groups.ts';
import type { TileSpec } from '../tile/spec.ts';
import { checkLayout } from './check-layout.ts';
import { Dealer } from './dealer.ts';
import type { Layout } from './layout.ts';
import type { Assignment, Leg } from './plan.ts';
import { membersOf, type ResidualRoute, residualRoutes } from './residual-routes.ts';

/**
 * Divides a model's tiles among ranks as a layout says, and tells each rank its way through a step. Of a layer and kind
 * a rank gets a run of neighbours.
 * @throws HearthError PLAN_BAD_LAYOUT
 */
export function assignTiles(tiles: readonly TileSpec[], layout: Layout): Assignment[] {
  checkLayout(layout, 1 + Math.max(...tiles.map(({ layer }) => layer)));
  const { stages, vocabularyShares, microBatchTokens, keepsShares } = layout;
  const held: number[][] = vocabularyShares.map(() => []);
  const dealers = new Map<string, Dealer>();
  for (const indexes of tileGroups(tiles)) {
    const group = indexes.map((index) => tiles[index]!);
    const { kind, layer } = group[0]!;
    if (kind === 'base') {
      for (const ids of held) ids.push(...group.map(({ id }) => id));
      continue;
    }
    const stage = kind === 'vocabulary' ? undefined : stages.find(({ endLayer }) => layer < endLayer);
    const key = `${kind} ${stage?.firstLayer}`;
    const dealer = dealers.get(key) ?? new Dealer(stage?.shares ?? vocabularyShares, keepsShares);
    dealers.set(key, dealer);
    let next = 0;
    dealer.deal(group.length).forEach((count, rank) => {
      for (const { id } of group.slice(next, next + count)) held[rank]!.push(id);
      next += count;
    });
  }
  const routes = residualRoutes(layout);
  return held.map((tileIds, rank) => ({
    rank,
    worldSize: held.length,
    tileIds,
    legs: legsOf(layout, routes, rank),
    receivesHead: routes.some(
      ({ layer, receivers }) => layer === stages.at(-1)!.endLayer && receivers.includes(rank),
    ),
    microBatchTokens,
  }));
}

function legsOf(layout: Layout, routes: readonly ResidualRoute[], rank: number): Leg[] {
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
