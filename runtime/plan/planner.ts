import { HearthError } from '../error.ts';
import { LayoutCost, type Prediction } from './cost.ts';
import { dealLayout } from './deal.ts';
import { type Goal, scoreOf } from './goal.ts';
import type { Scored } from './improve.ts';
import { kindOf, kinds, type LayoutKind } from './kind.ts';
import type { Layout } from './layout.ts';
import { cannotFit } from './no-fit.ts';
import type { Problem } from './problem.ts';
import { search } from './search.ts';

/** A layout with what it is predicted to be like. */
export interface Candidate {
  readonly layout: Layout;
  readonly kind: LayoutKind;
  readonly prediction: Prediction;
}

export interface ClusterPlan extends Candidate {
  readonly goal: Goal;
  /** Of each kind the best that was found, best kinds first. Kinds that do not fit, or need more devices, are left out. */
  readonly alternatives: readonly Candidate[];
  /** Devices without a part, each with the best layout that was found in which it has one. */
  readonly standBy: readonly StandBy[];
}

export interface StandBy {
  readonly rank: number;
  readonly withIt: Candidate | undefined;
}

/** Moving tiles and computing KV caches again takes a while: who gains less stays as it is. */
const worthMoving = 1.07;
/**
 * A layout with fewer devices is chosen unless more promise to gain so much: what is predicted is as uncertain, and each
 * device is one more to wait for and to lose.
 */
const worthHelping = 1.1;

/**
 * Chooses who computes what. Nothing is random: the same problem has the same plan.
 * @param present what is in use, which is kept unless another layout is clearly better
 * @throws HearthError PLAN_NO_DEVICES, MEMORY_EXHAUSTED with the numbers
 */
export function planCluster(problem: Problem, goal: Goal, present?: Layout): ClusterPlan {
  const { devices } = problem;
  checkDevices(problem, goal);
  const found = search(problem, goal);
  if (!found[0]) throw cannotFit(problem, goal);
  const chosen = presentOr(fewest(found, problem, goal), problem, goal, present);
  const candidate = ({ layout }: Scored): Candidate => ({
    layout,
    kind: kindOf(layout),
    prediction: new LayoutCost(problem, layout).predict(),
  });
  const parts = partsOf(problem, chosen.layout);
  const firsts = kinds.map((kind) => found.find(({ layout }) => kindOf(layout) === kind));
  return {
    goal,
    ...candidate(chosen),
    alternatives: firsts
      .filter((first) => first !== undefined)
      .sort((a, b) => a.score - b.score)
      .map(candidate),
    standBy: devices.flatMap((_, rank) => {
      if (parts.includes(rank)) return [];
      const withIt = found.find(({ layout }) => hasPart(problem, layout, rank));
      return [{ rank, withIt: withIt && candidate(withIt) }];
    }),
  };
}

/** Of the layouts that are about as good as the best, that with the fewest devices. `memory` is what devices are for. */
function fewest(found: readonly Scored[], problem: Problem, goal: Goal): Scored {
  if (goal === 'memory') return found[0]!;
  const good = found.filter(({ score }) => score <= worthHelping * found[0]!.score);
  const counts = good.map(({ layout }) => partsOf(problem, layout).length);
  return good[counts.indexOf(Math.min(...counts))]!;
}

/** The present layout, if it still fits and the other is not clearly better. */
function presentOr(other: Scored, problem: Problem, goal: Goal, present: Layout | undefined): Scored {
  if (!present) return other;
  const score = scoreOf(goal, new LayoutCost(problem, present));
  return score <= worthMoving * other.score ? { layout: present, score } : other;
}

/** Devices that compute anything, ascending: of a small share nothing may be left when tiles are dealt. */
export function partsOf({ work }: Problem, layout: Layout): number[] {
  const { vocabulary, sublayers } = dealLayout(work, layout);
  const holds = (rank: number) => vocabulary[rank]! > 0 || sublayers.some((counts) => counts[rank]! > 0);
  return [...vocabulary.keys()].filter(holds);
}

/** Without a share there is nothing to deal. */
function hasPart(problem: Problem, layout: Layout, rank: number): boolean {
  const { stages, vocabularyShares } = layout;
  if (vocabularyShares[rank] === 0 && stages.every(({ shares }) => shares[rank] === 0)) return false;
  return partsOf(problem, layout).includes(rank);
}

function checkDevices({ devices }: Problem, goal: Goal): void {
  if (devices.length === 0)
    throw new HearthError('PLAN_NO_DEVICES', 'there is no device to plan for: name one at least');
  if (goal === 'private' && devices.every(({ link }) => link))
    throw new HearthError(
      'PLAN_NO_DEVICES',
      'to keep the output head private, the coordinator itself must compute: let it have a rank of its own',
    );
}
