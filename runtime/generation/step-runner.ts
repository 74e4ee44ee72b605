import type { StepSequence } from '../decoder/step.ts';

/** Bounds that whoever schedules steps must keep. */
export interface RunnerLimits {
  /** Tokens of the longest step. */
  readonly maxStepTokens: number;
  /** Sequences that may be in the KV caches at once: slots [0, maxSequences). */
  readonly maxSequences: number;
  /** Positions of the longest sequence. */
  readonly contextLength: number;
  /** KV pages of `kvPageTokens` positions that all sequences share. */
  readonly kvPages: number;
}

/** Positions that one KV page holds. */
export { pagePositions as kvPageTokens } from '../kernels/kv-page.ts';

export interface StepInput extends StepSequence {
  /** `count` token ids. */
  readonly tokens: readonly number[];
}

/**
 * Something that computes a model's steps: one rank in this process, or a star of devices. By the invariant the
 * answers are the same bits.
 */
export interface StepRunner {
  readonly limits: RunnerLimits;
  readonly vocabSize: number;
  /**
   * Runs one step at a time; a second call waits for the first. A sequence may start at or below the positions
   * its slot already holds: what lies behind `start` is forgotten.
   * @returns one row of logits, float32 [vocabSize], for each wanted token in order, valid until the next
   *   step
   */
  step(sequences: readonly StepInput[]): Promise<Float32Array[]>;
  /** Forgets a slot's positions and frees its pages. */
  release(slot: number): void;
}
