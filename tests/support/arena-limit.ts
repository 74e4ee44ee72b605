import { planStages } from '../../runtime/decoder/plan-stages.ts';
import type { RankOptions } from '../../runtime/decoder/rank-options.ts';
import { maximumMemoryBytes } from '../../runtime/kernels/kernels.ts';
import type { ModelDescription } from '../../runtime/model/description.ts';
import type { Assignment } from '../../runtime/plan/plan.ts';

/** Bytes of a memory of which a rank needs so many; it throws if that cannot be. */
export function arenaLimit(
  description: ModelDescription,
  assignment: Assignment,
  options: RankOptions,
  threads: number,
  arenas: number,
): number {
  let limit = maximumMemoryBytes;
  while (planStages(description, assignment, options, threads, limit).length < arenas) {
    limit = Math.floor(limit * (limit > 1e8 ? 0.5 : 0.98));
  }
  return limit;
}
