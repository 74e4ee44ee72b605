import { headChoices, microBatchSizes } from './arrange.ts';
import type { Goal } from './goal.ts';
import { traded } from './hot-layouts.ts';
import type { Layout, PipelineStage } from './layout.ts';
import type { Problem } from './problem.ts';
import { membersOf } from './residual-routes.ts';

/** A layout with what it costs. */
export interface Scored {
  readonly layout: Layout;
  readonly score: number;
}

/** What a member's share is multiplied with. */
const shareFactors = [0, 0.7, 0.85, 0.95, 1.05, 1.2, 1.5];
/** Layers that change from one stage to the next. */
const layerSteps = [-4, -1, 1, 4];

/**
 * Small changes of a layout, one after the other, each kept if it is for the better, until none is or so many have been
 * tried: shares are rounded to tiles and threads, and parts of a step overlap, of which no estimate knows.
 */
export function improve(
  problem: Problem,
  goal: Goal,
  start: Scored,
  trials: number,
  scoreOf: (layout: Layout) => number,
): Scored {
  let best = start;
  let left = trials;
  for (let isBetter = true; isBetter && left > 0; ) {
    isBetter = false;
    for (const layout of neighbours(problem, goal, best.layout)) {
      if (left === 0) break;
      left -= 1;
      const score = scoreOf(layout);
      if (score >= best.score * (1 - 1e-9)) continue;
      best = { layout, score };
      isBetter = true;
    }
  }
  return best;
}

function* neighbours(problem: Problem, goal: Goal, layout: Layout): Generator<Layout> {
  const { stages } = layout;
  for (const microBatchTokens of microBatchSizes)
    if (
      microBatchTokens !== layout.microBatchTokens &&
      microBatchTokens <= problem.work.options.maxStepTokens
    )
      yield { ...layout, microBatchTokens };
  yield { ...layout, keepsShares: !layout.keepsShares };
  for (const vocabularyShares of headChoices(problem, stages, goal)) yield { ...layout, vocabularyShares };
  for (const vocabularyShares of changedShares(layout.vocabularyShares))
    yield { ...layout, vocabularyShares };
  if (stages.some(({ ffnShares }) => ffnShares))
    for (const vocabularyShares of changedShares(layout.vocabularyShares))
      yield traded(problem.work, layout, { stages, vocabularyShares });
  for (let stage = 0; stage + 1 < stages.length; stage += 1)
    for (const step of layerSteps) {
      const moved = moveLayers(stages, stage, step);
      if (moved) yield { ...layout, stages: moved };
    }
  for (const [index, stage] of stages.entries()) {
    for (const ffnShares of changedShares(stage.ffnShares ?? []))
      yield withStage(layout, index, { ...stage, ffnShares });
    for (const shares of changedShares(stage.shares)) {
      const changed = withStage(layout, index, withShares(stage, shares));
      yield changed;
      if (stage.ffnShares) yield traded(problem.work, layout, { ...layout, stages: changed.stages });
      // Who leaves the last stage need not wait for its residual any more.
      const head = layout.vocabularyShares.map((share, rank) => (shares[rank] === 0 ? 0 : share));
      if (index === stages.length - 1 && shares.includes(0) && head.some((share) => share > 0))
        yield { ...changed, vocabularyShares: head };
    }
  }
}

function withStage(layout: Layout, index: number, stage: PipelineStage): Layout {
  return { ...layout, stages: layout.stages.with(index, stage) };
}

/** Who has no share of the layers has no FFN tiles. */
function withShares({ ffnShares, ...stage }: PipelineStage, shares: readonly number[]): PipelineStage {
  const left = ffnShares?.map((share, rank) => (shares[rank]! > 0 ? share : 0));
  return left?.some((share) => share > 0) ? { ...stage, shares, ffnShares: left } : { ...stage, shares };
}

/** One member's share more or less, or nothing, where there are several. */
function* changedShares(shares: readonly number[]): Generator<number[]> {
  if (membersOf(shares).length < 2) return;
  for (const rank of membersOf(shares))
    for (const factor of shareFactors) yield shares.with(rank, shares[rank]! * factor);
}

/** @returns undefined where a stage would have no layers left */
function moveLayers(
  stages: readonly PipelineStage[],
  index: number,
  step: number,
): PipelineStage[] | undefined {
  const [stage, next] = [stages[index]!, stages[index + 1]!];
  const border = stage.endLayer + step;
  if (border <= stage.firstLayer || border >= next.endLayer) return undefined;
  return stages.with(index, { ...stage, endLayer: border }).with(index + 1, { ...next, firstLayer: border });
}
