import type { Layout, PipelineStage } from './layout.ts';

/** As many tokens as no step has more of: with micro-batches of so many, steps are not cut. */
export const wholeStep = 1 << 14;

/** All ranks compute all layers together. @param shares one positive number a rank */
export function tensorParallel(
  layerCount: number,
  shares: readonly number[],
  microBatchTokens: number,
): Layout {
  return {
    stages: [{ firstLayer: 0, endLayer: layerCount, shares }],
    vocabularyShares: shares,
    microBatchTokens,
  };
}

/**
 * Each rank computes layers of its own, so many of them as its share says, and the last the output head as well.
 * @param shares one positive number a rank; who gets less than half a layer has no stage
 */
export function pipeline(layerCount: number, shares: readonly number[], microBatchTokens: number): Layout {
  const total = shares.reduce((sum, share) => sum + share, 0);
  const alone = (rank: number) => shares.map((_, other) => (other === rank ? 1 : 0));
  const stages: PipelineStage[] = [];
  let firstLayer = 0;
  let sum = 0;
  for (const [rank, share] of shares.entries()) {
    sum += share;
    const endLayer = rank === shares.length - 1 ? layerCount : Math.round((layerCount * sum) / total);
    if (endLayer > firstLayer) stages.push({ firstLayer, endLayer, shares: alone(rank) });
    firstLayer = endLayer;
  }
  return { stages, vocabularyShares: stages.at(-1)!.shares, microBatchTokens };
}
