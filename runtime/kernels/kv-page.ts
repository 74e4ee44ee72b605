import { assert } from '../error.ts';

/**
 * Positions in a KV page, which holds K and V of one KV head; the layout is that of `assembly/kv-page.ts`.
 */
export const pagePositions = 64;

/** Bytes of a page. A head whose size is not a multiple of 4 has no kernel. */
export function kvPageBytes(headDim: number, elementBytes: 2 | 4): number {
  assert(headDim > 0 && headDim % 4 === 0, `a head of a multiple of 4 elements: ${headDim}`);
  return 2 * pagePositions * headDim * elementBytes;
}

/** Bytes of scratch that attention needs for at most so many positions. */
export function attentionScratchBytes(groupSize: number, positions: number): number {
  return 4 * groupSize * Math.ceil(positions / pagePositions) * pagePositions;
}
