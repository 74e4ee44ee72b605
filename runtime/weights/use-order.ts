import { shareOf } from '../threads/team.ts';
import type { TileSpec } from '../tile/spec.ts';

/** Indexes of a rank's tiles, in the order in which its threads come to them. */
export interface UseOrder {
  /** Those of the layers: each once a step. */
  readonly layers: readonly number[];
  /** Those of the output head: as often as a step has rounds of logits. */
  readonly vocabulary: readonly number[];
}

/**
 * Tiles that are computed side by side are divided among the threads in runs of neighbours (`shareOf`): the first of
 * each run comes first, then the second of each. Base tiles have no turn.
 */
export function useOrder(specs: readonly TileSpec[], teamSize: number): UseOrder {
  const layers: number[] = [];
  const vocabulary: number[] = [];
  for (const group of groupsOf(specs)) {
    const { kind } = specs[group[0]!]!;
    if (kind !== 'base') (kind === 'vocabulary' ? vocabulary : layers).push(...alternate(group, teamSize));
  }
  return { layers, vocabulary };
}

/** Indexes of tiles of one kind and layer; groups in the order of their first tiles. */
function groupsOf(specs: readonly TileSpec[]): number[][] {
  const groups = new Map<string, number[]>();
  specs.forEach(({ kind, layer }, index) => {
    const key = `${kind} ${layer}`;
    const group = groups.get(key);
    if (group) group.push(index);
    else groups.set(key, [index]);
  });
  return [...groups.values()];
}

function alternate(group: readonly number[], teamSize: number): number[] {
  const runs = Array.from({ length: teamSize }, (_, index) =>
    group.slice(...shareOf({ index, size: teamSize }, group.length)),
  );
  const longest = Math.max(...runs.map((run) => run.length));
  return Array.from({ length: longest }, (_, i) => runs.flatMap((run) => run.slice(i, i + 1))).flat();
}
