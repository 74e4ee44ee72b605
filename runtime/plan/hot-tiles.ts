/** Loads that differ by less count as equal: they are sums of floats. */
const tolerance = 1e-9;

/** What ranks have of the tiles of one layer. */
export interface Portions {
  /** Tiles of each rank, as many as there is room for. */
  readonly counts: readonly number[];
  /** Of what is computed, for each rank, in any unit; a rank without has no tiles. */
  readonly shares: readonly number[];
}

/**
 * Hot tiles to those who have little room for their speed, as PowerInfer (arXiv 2312.12456) gives hot neurons to the GPU. Who
 * has least takes first: of its number of neighbours, in the order of what is read of them, the hottest that are no more than
 * its part of all that is read. Others share in the same way what is left.
 * @param loads of each tile, see `tileLoads`
 * @returns for each rank places of tiles, ascending
 */
export function dealByHeat(loads: readonly number[], { counts, shares }: Portions): number[][] {
  const held: number[][] = counts.map(() => []);
  const left = [...loads.keys()].sort((a, b) => loads[b]! - loads[a]! || a - b);
  const roomForSpeed = (rank: number) => counts[rank]! / shares[rank]!;
  const ranks = [...counts.keys()]
    .filter((rank) => counts[rank]! > 0)
    .sort((a, b) => roomForSpeed(a) - roomForSpeed(b) || a - b);
  let speed = ranks.reduce((sum, rank) => sum + shares[rank]!, 0);
  for (const rank of ranks) {
    const leftLoads = left.map((tile) => loads[tile]!);
    const most = (leftLoads.reduce((sum, load) => sum + load, 0) * shares[rank]!) / speed;
    const first = firstWithin(leftLoads, counts[rank]!, most);
    held[rank] = left.splice(first, counts[rank]!).sort((a, b) => a - b);
    speed -= shares[rank]!;
  }
  return held;
}

/** Where a run of so many begins, of loads in falling order, whose sum is at most so much; that of the last if none is. */
function firstWithin(loads: readonly number[], count: number, most: number): number {
  let sum = loads.slice(0, count).reduce((total, load) => total + load, 0);
  let first = 0;
  for (; first + count < loads.length && sum > most * (1 + tolerance); first += 1)
    sum += loads[first + count]! - loads[first]!;
  return first;
}
