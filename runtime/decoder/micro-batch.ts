import { shareOf } from '../threads/team.ts';

/** Tokens [first, end) of a step that travel together: their sums and their residual are one frame each. */
export interface MicroBatch {
  readonly index: number;
  readonly first: number;
  readonly end: number;
}

/** Cuts a step into as few parts as may be, none of more than `most` tokens, of even size. */
export function microBatches(tokens: number, most: number): MicroBatch[] {
  const size = Math.ceil(tokens / most);
  return Array.from({ length: size }, (_, index) => {
    const [first, end] = shareOf({ index, size }, tokens);
    return { index, first, end };
  });
}

/** Tokens of a step that are computed at once. */
export interface Portion {
  readonly first: number;
  readonly end: number;
  /** What they travel in. */
  readonly parts: readonly MicroBatch[];
}

/** @param together whether all tokens are computed at once, for a rank that has each tile in memory but once a step */
export function portions(parts: readonly MicroBatch[], together: boolean): Portion[] {
  if (together) return [{ first: 0, end: parts.at(-1)!.end, parts }];
  return parts.map((part) => ({ first: part.first, end: part.end, parts: [part] }));
}
