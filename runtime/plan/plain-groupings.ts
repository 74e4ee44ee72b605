import type { Estimates } from './estimate.ts';
import type { Group } from './groupings.ts';

/** Of more devices, pairs with each are too many to look at. */
const mostForPairs = 16;
const mostTogether = 8;

/**
 * Sharing all layers, and a pipeline, among the most useful devices, in proportion to speed: what one would do without
 * a planner. They are there to be compared with, and so that it can be said what a device would do that has no part.
 * @returns groups of each
 */
export function plainGroupings(estimates: Estimates, layerCount: number): Group[][] {
  const [order] = estimates.orders();
  const sets: number[][] = [];
  for (let count = 1; count <= Math.min(order!.length, mostTogether); count += 1)
    sets.push(order!.slice(0, count));
  if (order!.length <= mostForPairs) for (const rank of order!.slice(2)) sets.push([order![0]!, rank]);
  return sets.flatMap((members) => {
    const { ms, shares } = estimates.bySpeed(members, layerCount);
    if (ms === Number.POSITIVE_INFINITY) return [];
    const pipeline = members.map((rank, i) => ({ members: [rank], layers: Math.max(1, shares[i]!) }));
    const scale = layerCount / pipeline.reduce((sum, { layers }) => sum + layers, 0);
    return [
      [{ members, layers: layerCount, shares }],
      pipeline.map((group) => ({ ...group, layers: group.layers * scale })),
    ];
  });
}
