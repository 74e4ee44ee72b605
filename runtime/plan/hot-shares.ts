import type { Layout, PipelineStage } from './layout.ts';
import type { Problem } from './problem.ts';
import { membersOf } from './residual-routes.ts';

/** Shares that differ by less are as good as equal. */
const leastDifference = 0.02;

/**
 * A layout with hot tiles where speed is: of each stage whose members differ in what they read of tiles, members get as much
 * of attention as their speed deserves, FFN tiles in the memory that is left of theirs, and who has few of those the hot
 * ones.
 * @returns undefined where that is what the layout does anyway: memory is not what it is limited by
 */
export function hotLayout(problem: Problem, layout: Layout): Layout | undefined {
  const stages = layout.stages.map((stage) => hotStage(problem, stage) ?? stage);
  return stages.some((stage, i) => stage !== layout.stages[i]) ? { ...layout, stages } : undefined;
}

function hotStage({ work, times }: Problem, stage: PipelineStage): PipelineStage | undefined {
  const ffn = 2 * stage.firstLayer + 1;
  const { tiles, loads } = work.sublayers[ffn]!;
  const members = membersOf(stage.shares);
  if (!loads || members.length < 2) return undefined;
  const speeds = stage.shares.map((share, rank) =>
    share > 0 ? 1 / times[rank]!.sublayerMs(ffn, tiles, 1, 0) : 0,
  );
  const [now, then] = [parts(stage.shares), parts(speeds)];
  if (members.every((rank) => Math.abs(now[rank]! - then[rank]!) < leastDifference)) return undefined;
  return tradedStage({ work }, stage, then);
}

/** A stage with other shares, each of whose members has as many bytes as before: for more attention fewer FFN tiles. */
export function tradedStage(
  { work }: Pick<Problem, 'work'>,
  stage: PipelineStage,
  shares: readonly number[],
): PipelineStage {
  const [attention, ffn] = [work.sublayers[2 * stage.firstLayer]!, work.sublayers[2 * stage.firstLayer + 1]!];
  const attentionBytes = attention.byteLength + attention.tiles * work.kvBytesPerTile;
  const ratio = attentionBytes / ffn.byteLength;
  const [before, after] = [parts(stage.shares), parts(shares)];
  const ffnShares = parts(stage.ffnShares ?? stage.shares).map((share, rank) =>
    shares[rank]! > 0 ? Math.max(0, share + ratio * (before[rank]! - after[rank]!)) : 0,
  );
  return ffnShares.some((share) => share > 0) ? { ...stage, shares, ffnShares } : { ...stage, shares };
}

/** With 1 as their sum. */
function parts(shares: readonly number[]): number[] {
  const total = shares.reduce((sum, share) => sum + share, 0);
  return shares.map((share) => share / total);
}
