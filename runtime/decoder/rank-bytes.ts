import { maximumMemoryBytes } from '../kernels/kernels.ts';
import type { ModelDescription } from '../model/description.ts';
import type { Assignment } from '../plan/plan.ts';
import { tileSpecs } from '../tile/spec.ts';
import { planStages } from './plan-stages.ts';
import type { RankOptions } from './rank-options.ts';
import { type LayoutBytes, stageBytes } from './stage-bytes.ts';

/**
 * What a rank takes, in as many memories as it needs.
 * @param threads threads that compute it
 * @param arenaLimitBytes what one memory may hold
 * @throws HearthError MEMORY_EXHAUSTED if a memory cannot hold a single sublayer, or the output head
 */
export function rankBytes(
  description: ModelDescription,
  assignment: Assignment,
  options: RankOptions,
  threads: number,
  arenaLimitBytes = maximumMemoryBytes,
): LayoutBytes {
  const specs = tileSpecs(description);
  const stages = planStages(description, assignment, options, threads, arenaLimitBytes);
  const sizes = stages.map((stage) => stageBytes(description, specs, stage, options, threads));
  return {
    tiles: sizes.reduce((sum, { tiles }) => sum + tiles, 0),
    rest: sizes.reduce((sum, { rest }) => sum + rest, 0),
  };
}
