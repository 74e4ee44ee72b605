import { assert } from '../../runtime/error.ts';
import type { RunnerLimits, StepInput } from '../../runtime/generation/step-runner.ts';

/** Asserts that whoever schedules steps keeps the runner's limits: a rank would refuse the step. */
export function checkStep(sequences: readonly StepInput[], limits: RunnerLimits, vocabSize: number): void {
  const { maxStepTokens, maxSequences, contextLength } = limits;
  const total = sequences.reduce((sum, { count }) => sum + count, 0);
  assert(total > 0 && total <= maxStepTokens, `a step of 1 to ${maxStepTokens} tokens, not ${total}`);
  const slots = new Set(sequences.map(({ slot }) => slot));
  assert(slots.size === sequences.length, 'a slot for each sequence');
  for (const { slot, start, count, tokens } of sequences) {
    assert(slot >= 0 && slot < maxSequences, `a slot below ${maxSequences}, not ${slot}`);
    assert(count > 0 && tokens.length === count, `as many tokens as announced, ${count}`);
    assert(start >= 0 && start + count <= contextLength, `positions in a context of ${contextLength}`);
    const known = tokens.every((token) => token >= 0 && token < vocabSize);
    assert(known, `token ids below ${vocabSize}`);
  }
}
