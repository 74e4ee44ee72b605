import { tileGroups } from '../tile/groups.ts';
import type { TileSpec } from '../tile/spec.ts';
import { checkLayout } from './check-layout.ts';
import type { Layout } from './layout.ts';
import type { Assignment, Leg } from './plan.ts';
import { membersOf, type ResidualRoute, residualRoutes } from './residual-routes.ts';
import { StageDealer } from './stage-dealer.ts';
import { tileLoads } from './tile-loads.ts';

/**
 * Divides a model's tiles among ranks as a layout says, and tells each rank its way through a step. Of a layer and kind
 * a rank gets a run of neighbours, unless hot tiles are dealt by themselves.
 * @throws HearthError PLAN_BAD_LAYOUT
 */
export function assignTiles(tiles: readonly TileSpec[], layout: Layout): Assignment[] {
  checkLayout(layout, 1 + Math.max(...tiles.map(({ layer }) => layer)));
  const { stages, vocabularyShares, microBatchTokens } = layout;
  const held: number[][] = vocabularyShares.map(() => []);
  const hold = (rank: number, group: readonly TileSpec[]) => held[rank]!.push(...group.map(({ id }) => id));
  const dealers = stages.map((stage) => new StageDealer(stage, layout.keepsShares));
  const head = new StageDealer({ shares: vocabularyShares });
  for (const indexes of tileGroups(tiles)) {
    const group = indexes.map((index) => tiles[index]!);
    const { kind, layer } = group[0]!;
    if (kind === 'base') {
      for (const rank of held.keys()) hold(rank, group);
      continue;
    }
    const dealer =
      kind === 'vocabulary' ? head : dealers[stages.findIndex(({ endLayer }) => layer < endLayer)]!;
    const counts = dealer.counts(kind === 'ffn' ? 'ffn' : 'attention', group.length);
    dealer.places(counts, tileLoads(group)).forEach((places, rank) => {
      hold(
        rank,
        places.map((place) => group[place]!),
      );
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
