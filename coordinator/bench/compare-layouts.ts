import { HearthError } from '../../runtime/error.ts';
import { LayoutCost } from '../../runtime/plan/cost.ts';
import { dealLayout } from '../../runtime/plan/deal.ts';
import type { Goal } from '../../runtime/plan/goal.ts';
import { kindOf, type LayoutKind } from '../../runtime/plan/kind.ts';
import type { Layout } from '../../runtime/plan/layout.ts';
import { pipeline, tensorParallel } from '../../runtime/plan/layouts.ts';
import { partsOf } from '../../runtime/plan/planner.ts';
import { type Problem, problemOf } from '../../runtime/plan/problem.ts';
import type { DeviceProfile } from '../../runtime/plan/profiles.ts';
import { modelWork } from '../../runtime/plan/workload.ts';
import type { Cluster } from '../cluster/cluster.ts';
import type { Engine } from '../engine.ts';
import { type PlanReport, planReport } from '../planning/plan-report.ts';
import { plannableProfile } from '../probe/device-profile.ts';
import { type BenchPlan, type Gauges, measure } from './measure.ts';
import type { ToldArrangement } from './told-arrangement.ts';

/** Until a prompt has been read, and for each token after it. */
export interface Times {
  readonly ttftMs: number;
  readonly tpotMs: number;
}

/** One way to share the work, as it was predicted and as it was. */
export interface LayoutRun {
  /** All that it is: `planned`, `best pipeline`, `equal tensor`, `alone on NAME`, … */
  readonly names: readonly string[];
  readonly kind: LayoutKind;
  /** Those that have a part. */
  readonly devices: readonly string[];
  readonly layout: Layout;
  readonly predicted: Times;
  readonly measured: Times;
}

export interface Comparison {
  readonly plan: PlanReport;
  /** What is planned comes first. */
  readonly runs: readonly LayoutRun[];
}

type Choice = Pick<LayoutRun, 'names' | 'layout'>;

/**
 * Has the devices of a cluster share the work in one way after the other: as planned, in the best way of each kind, in
 * equal shares, and each alone; what does not fit is left out.
 * @param bench whose tokens are generated behind the prompt: `depth` is its length
 * @param onRun is told what is measured next
 * @throws HearthError PLAN_NO_DEVICES if a device was not measured, or leaves; MEMORY_EXHAUSTED
 */
export async function compareLayouts(
  { cluster, model, rankOptions }: Pick<Engine, 'cluster' | 'model' | 'rankOptions'>,
  told: ToldArrangement,
  goal: Goal,
  bench: BenchPlan,
  gauges: Gauges,
  onRun: (names: readonly string[]) => void,
): Promise<Comparison> {
  const devices = profilesOf(cluster);
  const work = modelWork(model.description, rankOptions, model.rowShares);
  const usage = { promptTokens: bench.promptTokens, answerTokens: bench.generateTokens, sequences: 1 };
  const problem = problemOf(work, devices, usage);
  const plan = planReport(work, devices, goal, undefined, usage);
  const runs: LayoutRun[] = [];
  for (const { names, layout } of choicesOf(plan, problem)) {
    const cost = new LayoutCost(problem, layout);
    if (!cost.fits) continue;
    onRun(names);
    const ranks = partsOf(problem, layout);
    await told.use(cluster, layout, ranks);
    const { prefill, decode } = await measure(cluster, bench, gauges);
    const { ttftMs, tpotMs } = cost.predict();
    runs.push({
      names,
      kind: kindOf(layout),
      devices: ranks.map((rank) => devices[rank]!.name),
      layout,
      predicted: { ttftMs, tpotMs },
      measured: {
        ttftMs: (1000 * bench.promptTokens) / prefill.medianTokensPerSecond,
        tpotMs: 1000 / decode.medianTokensPerSecond,
      },
    });
  }
  return { plan, runs };
}

function profilesOf({ members }: Cluster): DeviceProfile[] {
  return members.map((member) => {
    const profile = plannableProfile(member);
    if (profile) return profile;
    const { name } = member.info;
    throw new HearthError('PLAN_NO_DEVICES', `"${name}" could not be measured: let it do nothing else`, {
      name,
    });
  });
}

/** Each once: shares that deal everybody the same tiles are the same. */
function choicesOf(plan: PlanReport, problem: Problem): Choice[] {
  const { work, devices } = problem;
  const { layerCount } = work.description.config;
  const shares = (of: (rank: number) => number) => devices.map((_, rank) => of(rank));
  const equal = shares(() => 1);
  const choices = [
    { name: 'planned', layout: plan.layout },
    ...plan.alternatives.map(({ kind, layout }) => ({ name: `best ${kind}`, layout })),
    { name: 'equal tensor', layout: tensorParallel(layerCount, equal, plan.layout.microBatchTokens) },
    { name: 'equal pipeline', layout: pipeline(layerCount, equal, plan.layout.microBatchTokens) },
    ...devices.map(({ name }, alone) => ({
      name: `alone on ${name}`,
      layout: pipeline(
        layerCount,
        shares((rank) => (rank === alone ? 1 : 0)),
        plan.layout.microBatchTokens,
      ),
    })),
  ];
  const found = new Map<string, { names: string[]; layout: Layout }>();
  for (const { name, layout } of choices) {
    // Who computes alone sends nothing that could be cut.
    const cut = partsOf(problem, layout).length > 1 && layout.microBatchTokens;
    const key = JSON.stringify([dealLayout(work, layout), cut]);
    const same = found.get(key);
    if (same) same.names.push(name);
    else found.set(key, { names: [name], layout });
  }
  return [...found.values()];
}
