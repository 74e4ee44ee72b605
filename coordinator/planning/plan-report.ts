import type { RankOptions } from '../../runtime/decoder/rank-options.ts';
import { type Explanation, explain } from '../../runtime/plan/explain.ts';
import type { Goal } from '../../runtime/plan/goal.ts';
import type { Layout } from '../../runtime/plan/layout.ts';
import { type ClusterPlan, partsOf, planCluster } from '../../runtime/plan/planner.ts';
import { defaultUsage, problemOf, type Usage } from '../../runtime/plan/problem.ts';
import type { DeviceProfile } from '../../runtime/plan/profiles.ts';
import type { ModelWork } from '../../runtime/plan/workload.ts';

/** A plan with all that led to it, as programs and people read it. */
export interface PlanReport extends ClusterPlan {
  readonly contextLength: number;
  readonly usage: Usage;
  readonly devices: readonly DeviceProfile[];
  /** Indices of the devices that have a part. */
  readonly parts: readonly number[];
  readonly explanation: Explanation;
}

/**
 * @param present what is in use, see `planCluster`
 * @param usage by default a short prompt and its answer
 * @throws HearthError PLAN_NO_DEVICES, MEMORY_EXHAUSTED with the numbers
 */
export function planReport(
  work: ModelWork,
  devices: readonly DeviceProfile[],
  goal: Goal,
  present?: Layout,
  usage = usageOf(work.options, goal),
): PlanReport {
  const problem = problemOf(work, devices, usage);
  const plan = planCluster(problem, goal, present);
  return {
    contextLength: work.options.contextLength,
    usage,
    devices,
    ...plan,
    parts: partsOf(problem, plan.layout),
    explanation: explain(problem, plan),
  };
}

/** A prompt and its answer take no more than a sequence may have; one at a time counts, unless many are the goal. */
function usageOf({ contextLength, maxSequences }: RankOptions, goal: Goal): Usage {
  const half = Math.floor(contextLength / 2);
  return {
    promptTokens: Math.min(defaultUsage.promptTokens, half),
    answerTokens: Math.min(defaultUsage.answerTokens, half),
    sequences: goal === 'throughput' ? Math.min(defaultUsage.sequences, maxSequences) : 1,
  };
}
