import { arrange } from './arrange.ts';
import { LayoutCost } from './cost.ts';
import { Estimates } from './estimate.ts';
import { type Goal, scoreOf } from './goal.ts';
import { type Group, type Grouping, groupings, mostForSubsets } from './groupings.ts';
import { hotLayouts } from './hot-layouts.ts';
import { improve, type Scored } from './improve.ts';
import { kindOf, kindOfSizes, kinds } from './kind.ts';
import type { Layout } from './layout.ts';
import { plainGroupings } from './plain-groupings.ts';
import type { Problem } from './problem.ts';
import { spreadLayout } from './subset.ts';
import { weightBytes } from './workload.ts';

/** So many groupings of each kind are looked at closely, fewer where there are many devices. */
const mostLooks = 24;
const lookBudget = 256;
/** Of the layouts so many are improved, by so many changes each: of many devices, by fewer. */
const improved = 6;
const mostTrials = 200;
const trialBudget = 1600;
/** Of the best score: changes bring a layout no further. */
const closeEnough = 1.3;

/** Of all weights: with so much there is room for the output head wherever it should be. */
const plentyOfMemory = 2;

/**
 * Layouts that fit, the best first. Rough costs that add up choose groupings, the cost model ranks their layouts, and
 * small changes improve the best of them. What is found without the device that seems of least use is among them, so
 * that a device more is no loss.
 */
export function search(problem: Problem, goal: Goal): Scored[] {
  const count = problem.devices.length;
  const score = rememberedScore(problem, goal);
  const looks = Math.min(mostLooks, Math.ceil(lookBudget / count));
  const ranked = best(candidates(problem, goal, looks).map((layout) => fitting(layout, score)));
  // One of each kind, too: where kinds are close, changes may turn the order.
  const firsts = kinds.map((kind) => ranked.find(({ layout }) => kindOf(layout) === kind));
  const starts = ranked.filter(
    (start, i) => start.score <= closeEnough * ranked[0]!.score && (i < improved || firsts.includes(start)),
  );
  const trials = Math.min(mostTrials, Math.ceil(trialBudget / count));
  const tuned = starts.map((start) => improve(problem, goal, start, trials, score));
  return best([...tuned, ...ranked, ...withFewer(problem, goal)]);
}

/** Ranks that have just the memory for their shares may have too little for what they would wait less for. */
function fitting(layout: Layout, scoreOf: (layout: Layout) => number): Scored {
  const score = scoreOf(layout);
  if (score < Number.POSITIVE_INFINITY) return { layout, score };
  const even = { ...layout, keepsShares: true };
  return { layout: even, score: scoreOf(even) };
}

/** What fits, by its score. */
function best(scored: readonly Scored[]): Scored[] {
  return scored.filter(({ score }) => score < Number.POSITIVE_INFINITY).sort((a, b) => a.score - b.score);
}

function rememberedScore(problem: Problem, goal: Goal): (layout: Layout) => number {
  const known = new Map<string, number>();
  return (layout) => {
    const key = JSON.stringify(layout);
    const score = known.get(key) ?? scoreOf(goal, new LayoutCost(problem, layout));
    known.set(key, score);
    return score;
  };
}

/** Layouts of the best groupings of each kind, by what the estimates say of them. */
function candidates(problem: Problem, goal: Goal, looks: number): Layout[] {
  const { layerCount } = problem.work.description.config;
  const found = new Map<string, Layout>();
  for (const keptHead of isTight(problem) ? [0, 1] : [0]) {
    for (const measure of goal === 'memory' ? (['memory', 'latency'] as const) : [goal]) {
      const estimates = new Estimates(problem, measure, keptHead);
      const all = [
        ...bestOfKinds(groupings(estimates, problem.devices.length, layerCount), looks),
        ...plainGroupings(estimates, layerCount),
      ];
      for (const groups of all)
        for (const layout of arrange(problem, estimates, groups, goal))
          for (const one of [layout, ...hotLayouts(problem, layout, goal)])
            found.set(JSON.stringify(one), one);
    }
  }
  return [...found.values()];
}

/** Where memory decides, estimates that know nothing of the output head may find nothing that fits. */
function isTight({ work, devices }: Problem): boolean {
  const memoryBytes = devices.reduce((sum, device) => sum + device.memoryBytes, 0);
  return memoryBytes < plentyOfMemory * weightBytes(work);
}

function bestOfKinds(all: readonly Grouping[], looks: number): (readonly Group[])[] {
  const sorted = [...all].sort((a, b) => a.score - b.score);
  return kinds.flatMap((kind) => {
    const found = new Map<string, readonly Group[]>();
    for (const grouping of sorted) {
      if (found.size === looks) break;
      const name = nameOf(grouping);
      const isKind = kindOfSizes(grouping.groups.map(({ members }) => members.length)) === kind;
      if (isKind && !found.has(name)) found.set(name, grouping.groups);
    }
    return [...found.values()];
  });
}

function nameOf({ groups }: Grouping): string {
  return groups
    .map(({ members, layers }) => `${members.join()}:${layers}`)
    .sort()
    .join(' ');
}

/** The search among the more useful devices: all but one, or as many as can be looked at in all subsets. */
function withFewer(problem: Problem, goal: Goal): Scored[] {
  const { devices, times } = problem;
  const [order] = new Estimates(problem, goal === 'memory' ? 'latency' : goal, 0).orders();
  // The coordinator's own come first: without them nothing may be possible.
  const local = order!.filter((rank) => !devices[rank]!.link);
  const ranks = [...local, ...order!.filter((rank) => devices[rank]!.link)]
    .slice(0, Math.min(devices.length - 1, mostForSubsets))
    .sort((a, b) => a - b);
  if (ranks.length === 0) return [];
  const pick = <T>(all: readonly T[]): T[] => ranks.map((rank) => all[rank]!);
  const fewer = { ...problem, devices: pick(devices), times: pick(times) };
  return search(fewer, goal).map(({ layout, score }) => ({
    score,
    layout: spreadLayout(layout, ranks, devices.length),
  }));
}
