import type { Estimates } from './estimate.ts';

/** Devices that compute some layers together. */
export interface Group {
  readonly members: readonly number[];
  readonly layers: number;
  /** Of each member, where they are not those that are best by the estimates. */
  readonly shares?: readonly number[];
}

/** Stages, in no particular order, with a rough figure of what they take. */
export interface Grouping {
  readonly groups: readonly Group[];
  readonly score: number;
}

/** How stages' costs make the cost of all: one after the other, or side by side in a long prompt. */
type Combine = (a: number, b: number) => number;
const combinations: readonly Combine[] = [(a, b) => a + b, Math.max];

/** All subsets of so many devices are looked at; of more, runs of neighbours in some orders. */
export const mostForSubsets = 8;
/** Layers are dealt in so many pieces at most: borders are moved by single layers later. */
const pieces = 40;
/** Sizes of groups that are tried among many devices. */
const runSizes = [1, 2, 3, 4, 5, 6, 8, 12, 16, 24, 32, 48, 64];

/**
 * Ways to divide a model's layers among groups of devices. For any set of devices, and either way of combining
 * costs, the one that is best by the estimates, found by dynamic programming over sets and layers.
 */
export function groupings(estimates: Estimates, deviceCount: number, layerCount: number): Grouping[] {
  return deviceCount <= mostForSubsets
    ? ofSubsets(estimates, deviceCount, layerCount)
    : estimates.orders().flatMap((order) => ofRuns(estimates, order, layerCount));
}

/** One cell of a table: the best so far, and how it came about. */
interface Cell {
  readonly score: number;
  readonly group: Group | undefined;
  readonly rest: Cell | undefined;
}

const nothing: Cell = { score: 0, group: undefined, rest: undefined };
const impossible: Cell = { score: Number.POSITIVE_INFINITY, group: undefined, rest: undefined };

function ofSubsets(estimates: Estimates, deviceCount: number, layerCount: number): Grouping[] {
  const sets = 1 << deviceCount;
  const steps = Math.min(layerCount, pieces);
  const members = Array.from({ length: sets }, (_, set) =>
    Array.from({ length: deviceCount }, (_, rank) => rank).filter((rank) => set & (1 << rank)),
  );
  const costs = members.map((ranks) => costsOf(estimates, ranks, layerCount, steps));
  const found: Grouping[] = [];
  for (const combine of combinations) {
    const table: Cell[][] = [[nothing, ...Array.from({ length: steps }, () => impossible)]];
    for (let set = 1; set < sets; set += 1) {
      const lowest = set & -set;
      const row = [...table[set ^ lowest]!];
      // Each group with the lowest member, whatever others are in it.
      for (let others = set ^ lowest; ; others = (others - 1) & (set ^ lowest)) {
        const group = others | lowest;
        improveRow(row, table[set ^ group]!, costs[group]!, members[group]!, layerCount, combine);
        if (others === 0) break;
      }
      table.push(row);
      found.push(...whole(row.at(-1)!));
    }
  }
  for (const [set, ranks] of members.entries()) found.push(...asOne(ranks, costs[set]!, layerCount));
  return found;
}

function ofRuns(estimates: Estimates, order: readonly number[], layerCount: number): Grouping[] {
  const steps = Math.min(layerCount, pieces);
  const found: Grouping[] = [];
  const costs = new Map<string, readonly number[]>();
  const costsOfRun = (first: number, end: number) => {
    const known = costs.get(`${first} ${end}`);
    if (known) return known;
    const run = costsOf(estimates, order.slice(first, end), layerCount, steps);
    costs.set(`${first} ${end}`, run);
    return run;
  };
  for (const combine of combinations) {
    const table: Cell[][] = [[nothing, ...Array.from({ length: steps }, () => impossible)]];
    for (let end = 1; end <= order.length; end += 1) {
      const row = [...table[end - 1]!];
      for (const size of runSizes) {
        if (size > end) break;
        const first = end - size;
        improveRow(row, table[first]!, costsOfRun(first, end), order.slice(first, end), layerCount, combine);
      }
      table.push(row);
      found.push(...whole(row.at(-1)!));
    }
  }
  for (let end = 1; end <= order.length; end += 1)
    found.push(
      ...asOne(order.slice(0, end), costsOf(estimates, order.slice(0, end), layerCount, 1), layerCount),
    );
  return found;
}

/** What some devices take for 0, 1, … `steps` equal parts of all layers. */
function costsOf(
  estimates: Estimates,
  members: readonly number[],
  layerCount: number,
  steps: number,
): number[] {
  return Array.from({ length: steps + 1 }, (_, step) =>
    step === 0 || members.length === 0 ? 0 : estimates.stage(members, (step * layerCount) / steps).ms,
  );
}

/** Puts into a row what is better with one group more beside what others do. */
function improveRow(
  row: Cell[],
  others: readonly Cell[],
  costs: readonly number[],
  members: readonly number[],
  layerCount: number,
  combine: Combine,
): void {
  const steps = row.length - 1;
  for (let own = 1; own <= steps; own += 1) {
    const cost = costs[own]!;
    if (cost === Number.POSITIVE_INFINITY) break;
    for (let total = own; total <= steps; total += 1) {
      const rest = others[total - own]!;
      const score = combine(cost, rest.score);
      if (score >= row[total]!.score) continue;
      row[total] = { score, group: { members, layers: (own * layerCount) / steps }, rest };
    }
  }
}

function whole(cell: Cell): Grouping[] {
  if (cell.score === Number.POSITIVE_INFINITY) return [];
  const groups: Group[] = [];
  for (let at: Cell | undefined = cell; at?.group; at = at.rest) groups.push(at.group);
  return [{ groups, score: cell.score }];
}

/** All layers on some devices together. */
function asOne(members: readonly number[], costs: readonly number[], layerCount: number): Grouping[] {
  const score = costs.at(-1)!;
  if (members.length === 0 || score === Number.POSITIVE_INFINITY) return [];
  return [{ groups: [{ members, layers: layerCount }], score }];
}
