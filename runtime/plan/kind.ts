import type { Layout } from './layout.ts';
import { membersOf } from './residual-routes.ts';

/** One device; stages of one each; one stage of several; stages of which some have several. */
export const kinds = ['solo', 'pipeline', 'tensor', 'hybrid'] as const;
export type LayoutKind = (typeof kinds)[number];

export function kindOf({ stages }: Layout): LayoutKind {
  return kindOfSizes(stages.map(({ shares }) => membersOf(shares).length));
}

/** @param sizes of each stage, in devices */
export function kindOfSizes(sizes: readonly number[]): LayoutKind {
  if (sizes.length === 1) return sizes[0] === 1 ? 'solo' : 'tensor';
  return sizes.every((size) => size === 1) ? 'pipeline' : 'hybrid';
}
