import type { Layout } from './layout.ts';

/** Where the residual passes from one rank to others: between two stages, or before the output head. */
export interface ResidualRoute {
  /** The layer that it enters; the number of layers where that is the output head. */
  readonly layer: number;
  readonly sender: number;
  /** Those who need it and have not computed it themselves. */
  readonly receivers: readonly number[];
}

/** Ranks that have a part, ascending. */
export function membersOf(shares: readonly number[]): number[] {
  return [...shares.keys()].filter((rank) => shares[rank]! > 0);
}

/** The residual is the same on all members of a stage: its first sends it. */
export function residualRoutes({ stages, vocabularyShares }: Layout): ResidualRoute[] {
  return stages.flatMap((stage, i) => {
    const members = membersOf(stage.shares);
    const next = membersOf(stages[i + 1]?.shares ?? vocabularyShares);
    const receivers = next.filter((rank) => !members.includes(rank));
    return receivers.length > 0 ? [{ layer: stage.endLayer, sender: members[0]!, receivers }] : [];
  });
}
