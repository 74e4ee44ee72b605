import type { Candidates } from './candidates.ts';
import type { TokenHistory } from './history.ts';
import type { SamplingMath } from './math.ts';
import type { SamplingParams } from './params.ts';

/** What a step of the chain may look at. */
export interface SamplingContext {
  readonly params: SamplingParams;
  readonly history: TokenHistory;
  readonly math: SamplingMath;
}

/** One step of the chain: edits logits or cuts candidates, or does nothing if its parameter says so. */
export type SamplingStep = (candidates: Candidates, context: SamplingContext) => void;
