import { HearthError } from '../error.ts';
import type { ModelDescription } from '../model/description.ts';
import type { Assignment } from '../plan/plan.ts';
import { type TileSpec, tileSpecs } from '../tile/spec.ts';
import { leastRingsBytes, streamableBytes, tileAlignment } from '../weights/residency.ts';
import type { RankOptions } from './rank-options.ts';
import type { StageAssignment } from './stage-assignment.ts';
import { stageBytes } from './stage-bytes.ts';

/**
 * Divides a rank into the fewest stages that fit into memories of a given size.
 * @param threads threads that compute the rank
 * @param arenaLimitBytes what one memory may hold, the kernels' own part included
 * @param weightShare part of its weights that each stage has memory for, if that is a window at least; the others stream
 * @param seekBytes what a read costs where records of neurons can be read by themselves
 * @throws HearthError MEMORY_EXHAUSTED if a memory cannot hold a single sublayer, or the output head
 */
export function planStages(
  description: ModelDescription,
  assignment: Assignment,
  options: RankOptions,
  threads: number,
  arenaLimitBytes: number,
  weightShare = 1,
  seekBytes?: number,
): StageAssignment[] {
  const specs = tileSpecs(description);
  const sublayers = 2 * description.config.layerCount;
  const held = assignment.tileIds.map((id) => specs[id]!);
  const stageOf = (first: number, end: number): StageAssignment => {
    const inside = (spec: TileSpec) => {
      const part = partOf(spec, sublayers);
      return part === undefined || (first <= part && part < end);
    };
    const tiles = held.filter(inside);
    const weightBytes = bytesForWeights(tiles, weightShare, threads, seekBytes);
    const tileIds = tiles.map(({ id }) => id);
    return {
      ...assignment,
      tileIds,
      firstSublayer: first,
      endSublayer: Math.min(end, sublayers),
      weightBytes,
      seekBytes,
    };
  };
  const bytesOf = (first: number, end: number): number => {
    const { tiles, rest } = stageBytes(description, specs, stageOf(first, end), options, threads);
    return tiles + rest;
  };
  const stages: StageAssignment[] = [];
  // The output head counts as one more.
  for (let first = 0; first <= sublayers; ) {
    const end = largestThat(
      (candidate) => bytesOf(first, candidate) <= arenaLimitBytes,
      first,
      sublayers + 1,
    );
    if (end === first) {
      const half = `the ${first % 2 === 0 ? 'attention' : 'FFN'} of layer ${first >> 1}`;
      const what = first === sublayers ? 'the output head' : half;
      throw tooLarge(what, bytesOf(first, first + 1), arenaLimitBytes);
    }
    stages.push(stageOf(first, end));
    first = end;
  }
  return stages;
}

/** @returns undefined where all tiles stay in memory */
function bytesForWeights(
  tiles: readonly TileSpec[],
  share: number,
  threads: number,
  seekBytes: number | undefined,
): number | undefined {
  const all = streamableBytes(tiles);
  const least = leastRingsBytes(tiles, threads, seekBytes);
  const bytes = Math.max(least, Math.floor((share * all) / tileAlignment) * tileAlignment);
  return share < 1 && bytes < all ? bytes : undefined;
}

/** Which sublayer a tile is part of, the output head's being the one after the last; the base tile is part of all. */
function partOf({ kind, layer }: TileSpec, sublayers: number): number | undefined {
  return { base: undefined, attention: 2 * layer, ffn: 2 * layer + 1, vocabulary: sublayers }[kind];
}

/** The largest number in (low, high] that fits, or `low`: all below one that fits do. Most often it is `high`. */
function largestThat(fits: (candidate: number) => boolean, low: number, high: number): number {
  if (fits(high)) return high;
  let [fitting, failing] = [low, high];
  while (failing - fitting > 1) {
    const middle = (fitting + failing) >> 1;
    if (fits(middle)) fitting = middle;
    else failing = middle;
  }
  return fitting;
}

function tooLarge(what: string, neededBytes: number, limitBytes: number): HearthError {
  return new HearthError(
    'MEMORY_EXHAUSTED',
    `${what} takes ${neededBytes} bytes, and a memory holds ${limitBytes}. ` +
      'Give this device fewer tiles, fewer sequences or a shorter context.',
    { neededBytes, limitBytes },
  );
}
