import { HearthError } from '../error.ts';
import type { Layout } from './layout.ts';
import { wholeStep } from './layouts.ts';

/**
 * Checks that all layers follow each other in stages, and that somebody has a part in each and in the output head.
 * @throws HearthError PLAN_BAD_LAYOUT
 */
export function checkLayout(
  { stages, vocabularyShares, microBatchTokens }: Layout,
  layerCount: number,
): void {
  const ranks = vocabularyShares.length;
  let layer = 0;
  for (const { firstLayer, endLayer, shares, ffnShares } of stages) {
    const isRun = Number.isInteger(endLayer) && firstLayer === layer && endLayer > firstLayer;
    if (!isRun) throw bad(`a stage of layers ${firstLayer} to ${endLayer} follows layer ${layer}`);
    checkShares(`layers ${firstLayer} to ${endLayer}`, shares, ranks);
    if (ffnShares) {
      checkShares(`FFN tiles of layers ${firstLayer} to ${endLayer}`, ffnShares, ranks);
      if (ffnShares.some((share, rank) => share > 0 && shares[rank] === 0))
        throw bad(`somebody has FFN tiles of layers ${firstLayer} to ${endLayer}, and no share of them`);
    }
    layer = endLayer;
  }
  if (layer !== layerCount) throw bad(`its stages have ${layer} layers, and the model ${layerCount}`);
  checkShares('the output head', vocabularyShares, ranks);
  if (!(Number.isInteger(microBatchTokens) && microBatchTokens >= 1 && microBatchTokens <= wholeStep))
    throw bad(`a micro-batch has 1 to ${wholeStep} tokens, not ${microBatchTokens}`);
}

function checkShares(of: string, shares: readonly number[], ranks: number): void {
  if (shares.length !== ranks) throw bad(`${of} are shared by ${shares.length} ranks of ${ranks}`);
  if (!shares.every((share) => Number.isFinite(share) && share >= 0))
    throw bad(`a share of ${of} is negative`);
  if (!shares.some((share) => share > 0)) throw bad(`nobody has a part in ${of}`);
}

function bad(why: string): HearthError {
  return new HearthError('PLAN_BAD_LAYOUT', `the layout does not fit the model: ${why}`);
}
