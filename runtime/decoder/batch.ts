import { HearthError } from '../error.ts';
import type { RankOptions } from './rank-options.ts';
import { type StepHeader, tokenCount, wantedTokens } from './step.ts';

/** One token of a step: whose it is, where it stands, and the KV page of that position. */
export interface BatchToken {
  readonly slot: number;
  readonly position: number;
  readonly page: number;
}

/** A step's tokens, one after the other, and which of them want logits. */
export interface Batch {
  readonly tokens: readonly BatchToken[];
  /** Indices into `tokens`. */
  readonly logitTokens: readonly number[];
}

/**
 * @param pageOf the KV page that holds a position of a slot
 */
export function layOut(header: StepHeader, pageOf: (slot: number, position: number) => number): Batch {
  const tokens: BatchToken[] = [];
  for (const { slot, start, count } of header.sequences) {
    for (let i = 0; i < count; i += 1) {
      const position = start + i;
      tokens.push({ slot, position, page: pageOf(slot, position) });
    }
  }
  return { tokens, logitTokens: wantedTokens(header) };
}

/** @throws HearthError PROTOCOL_UNEXPECTED_MESSAGE for a step that does not fit what was agreed at the start */
export function checkHeader(header: StepHeader, options: RankOptions): void {
  const slots = new Set<number>();
  for (const { slot, start, count } of header.sequences) {
    if (slot >= options.maxSequences || slots.has(slot))
      throw badStep(`slot ${slot} is taken twice or unknown`);
    if (count < 1 || start + count > options.contextLength)
      throw badStep(`positions ${start} to ${start + count} leave the context of ${options.contextLength}`);
    slots.add(slot);
  }
  const tokens = tokenCount(header);
  if (tokens < 1 || tokens > options.maxStepTokens)
    throw badStep(`${tokens} tokens are outside 1 to ${options.maxStepTokens}`);
}

function badStep(why: string): HearthError {
  return new HearthError('PROTOCOL_UNEXPECTED_MESSAGE', `the step cannot be run: ${why}`);
}
