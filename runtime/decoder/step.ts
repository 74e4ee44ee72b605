/** One batch of work: for each sequence its slot, where it starts and how many tokens it brings. */
export interface StepSequence {
  /** Which KV cache; in [0, maxSequences). */
  readonly slot: number;
  /** Position of its first token in this step: tokens before it are in the cache. */
  readonly start: number;
  /** Tokens, at least 1. */
  readonly count: number;
  /** Of which of its tokens logits are wanted. */
  readonly logits: 'none' | 'last' | 'all';
}

export interface StepHeader {
  readonly stepId: number;
  readonly sequences: readonly StepSequence[];
}

/**
 * What a rank yields at each sync: its own partial sums, in fixed point, as views into its memory.
 * Whoever drives the rank puts the sum over all ranks in place (and `coarseUsed` true if any rank used
 * coarse) before it resumes the rank; alone, there is nothing to do.
 */
export interface PartialSum {
  /** 2 × layer for attention, 2 × layer + 1 for the FFN. */
  readonly syncIndex: number;
  /** int32 [tokens × hiddenSize], in units of each token's fine scale. */
  readonly fine: Int32Array;
  /** int32 [tokens × hiddenSize], in units of the coarse scale: what was too large for fine; else zeros. */
  readonly coarse: Int32Array;
  coarseUsed: boolean;
}

/** A run of rows of the output head: float32 [rowCount of wanted tokens, vocabulary rows first..first+rows). */
export interface LogitPart {
  readonly firstVocabularyRow: number;
  readonly vocabularyRows: number;
  /** float32 [wanted tokens × vocabularyRows], token-major. A copy, safe to keep. */
  readonly values: Float32Array;
}

/** Number of tokens in a step. */
export function tokenCount(header: StepHeader): number {
  return header.sequences.reduce((sum, sequence) => sum + sequence.count, 0);
}

/** Number of rows of logits that a step answers with, in the order of its sequences and tokens. */
export function logitRowCount(header: StepHeader): number {
  const wanted = { none: () => 0, last: () => 1, all: (count: number) => count };
  return header.sequences.reduce((sum, sequence) => sum + wanted[sequence.logits](sequence.count), 0);
}
