import { dealLayout } from './deal.ts';
import type { Goal } from './goal.ts';
import type { Layout, PipelineStage } from './layout.ts';
import type { Problem } from './problem.ts';
import type { ModelWork } from './workload.ts';

/** Shares that differ by less are as good as equal. */
const leastDifference = 0.02;
/** Memory is taken by what is rounded, and by what a device allocates for rows of logits. */
const mostFittings = 4;

/**
 * A layout with what is read most where speed is: members of a stage get attention, which every token reads whole, and the
 * output head as their speed deserves, and FFN tiles in the memory that is left of theirs; who has few of those has the hot
 * ones.
 * @returns none where tiles are alike, or shares are as speed deserves anyway: then memory is not what they are limited by
 */
export function hotLayouts(problem: Problem, layout: Layout, goal: Goal): Layout[] {
  const { work, times } = problem;
  const isTold = work.sublayers.some(({ loads }) => loads);
  if (!isTold || layout.stages.every(({ shares }) => shares.filter((share) => share > 0).length < 2))
    return [];
  const speedOf = (rank: number) => 1 / times[rank]!.sublayerMs(1, work.sublayers[1]!.tiles, 1, 0);
  const bySpeed = (shares: readonly number[]) =>
    parts(shares.map((share, rank) => (share > 0 ? speedOf(rank) : 0)));
  const isBySpeed = ({ shares }: PipelineStage) =>
    parts(shares).every((share, rank) => Math.abs(share - bySpeed(shares)[rank]!) < leastDifference);
  if (layout.stages.every(isBySpeed) && lackingBytes(problem, layout).every((bytes) => bytes <= 0)) return [];
  const stages = layout.stages.map((stage) => ({ ...stage, shares: bySpeed(stage.shares) }));
  const last = stages.at(-1)!.shares;
  const heads = goal === 'private' ? [layout.vocabularyShares] : [layout.vocabularyShares, last];
  return heads.map((vocabularyShares) =>
    fitted(problem, traded(work, layout, { stages, vocabularyShares }), mostFittings),
  );
}

/** Of each device, what it would need not to stream; negative where there is room. */
function lackingBytes({ work, devices, memories }: Problem, layout: Layout): number[] {
  const deal = dealLayout(work, layout);
  return devices.map((device, rank) => -memories.room(memories.held(deal, rank), device));
}

/** FFN tiles for which a device has no memory go to those of its stage that have. */
function fitted(problem: Problem, layout: Layout, times: number): Layout {
  const { work } = problem;
  const lacking = lackingBytes(problem, layout);
  const stages = layout.stages.map((stage) => {
    const { firstLayer, endLayer, ffnShares } = stage;
    if (!ffnShares?.some((share, rank) => share > 0 && lacking[rank]! > 0)) return stage;
    const layers = work.sublayers.slice(2 * firstLayer, 2 * endLayer).filter(({ kind }) => kind === 'ffn');
    const totalBytes = layers.reduce((sum, { byteLength }) => sum + byteLength, 0);
    const rounded = layers[0]!.tileBytes;
    const less = ffnShares.map((share, rank) =>
      lacking[rank]! > 0 ? Math.min(share, (lacking[rank]! + rounded) / totalBytes) : 0,
    );
    const moved = less.reduce((sum, share) => sum + share, 0);
    const room = parts(ffnShares.map((share, rank) => (share > 0 ? Math.max(0, -lacking[rank]!) : 0)));
    return { ...stage, ffnShares: ffnShares.map((share, rank) => share - less[rank]! + moved * room[rank]!) };
  });
  const isSame = stages.every((stage, i) => stage === layout.stages[i]);
  return isSame || times === 1 ? layout : fitted(problem, { ...layout, stages }, times - 1);
}

/**
 * A layout with other shares of attention and the output head, in which each device has as many bytes as before: it has fewer
 * FFN tiles for more of those.
 */
export function traded(
  work: ModelWork,
  layout: Layout,
  changed: Pick<Layout, 'stages' | 'vocabularyShares'>,
): Layout {
  const head = { before: parts(layout.vocabularyShares), after: parts(changed.vocabularyShares) };
  const stages = changed.stages.map((stage, index) => {
    const { firstLayer, endLayer, shares, ffnShares } = layout.stages[index]!;
    const sublayers = work.sublayers.slice(2 * firstLayer, 2 * endLayer);
    const bytesOf = (parity: number) =>
      sublayers.reduce((sum, { byteLength }, i) => sum + (i % 2 === parity ? byteLength : 0), 0);
    const kvBytes = (endLayer - firstLayer) * sublayers[0]!.tiles * work.kvBytesPerTile;
    const attention = { before: parts(shares), after: parts(stage.shares), bytes: bytesOf(0) + kvBytes };
    const left = parts(ffnShares ?? shares).map((share, rank) => {
      const lessBytes =
        attention.bytes * (attention.after[rank]! - attention.before[rank]!) +
        work.vocabulary.byteLength * (head.after[rank]! - head.before[rank]!);
      return stage.shares[rank]! > 0 ? Math.max(0, share - lessBytes / bytesOf(1)) : 0;
    });
    const { ffnShares: _, ...plain } = stage;
    return left.some((share) => share > 0) ? { ...plain, ffnShares: left } : plain;
  });
  return { ...layout, ...changed, stages };
}

/** With 1 as their sum. */
function parts(shares: readonly number[]): number[] {
  const total = shares.reduce((sum, share) => sum + share, 0);
  return shares.map((share) => (total > 0 ? share / total : 0));
}
