import { shareOf } from '../threads/team.ts';
import { tileGroups } from '../tile/groups.ts';
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
  for (const group of tileGroups(specs)) {
    const { kind } = specs[group[0]!]!;
    if (kind !== 'base') (kind === 'vocabulary' ? vocabulary : layers).push(...alternate(group, teamSize));
  }
  return { layers, vocabulary };
}

function alternate(group: readonly number[], teamSize: number): number[] {
  const runs = Array.from({ length: teamSize }, (_, index) =>
    group.slice(...shareOf({ index, size: teamSize }, group.length)),
  );
  const longest = Math.max(...runs.map((run) => run.length));
  return Array.from({ length: longest }, (_, i) => runs.flatMap((run) => run.slice(i, i + 1))).flat();
}
