import { Dealer } from './dealer.ts';
import type { Layout } from './layout.ts';
import { membersOf } from './residual-routes.ts';
import type { ModelWork } from './workload.ts';

/** How many tiles of everything each rank holds, as `assignTiles` deals them. */
export interface Deal {
  /** For each stage the ranks that have a share of it, ascending. */
  readonly members: readonly (readonly number[])[];
  /** [sublayer][rank] */
  readonly sublayers: readonly (readonly number[])[];
  /** [rank], of the output head */
  readonly vocabulary: readonly number[];
}

export function dealLayout(work: ModelWork, { stages, vocabularyShares, keepsShares }: Layout): Deal {
  const sublayers: number[][] = [];
  for (const { firstLayer, endLayer, shares } of stages) {
    const dealers = { attention: new Dealer(shares, keepsShares), ffn: new Dealer(shares, keepsShares) };
    for (let sublayer = 2 * firstLayer; sublayer < 2 * endLayer; sublayer += 1) {
      const dealer = sublayer % 2 === 0 ? dealers.attention : dealers.ffn;
      sublayers.push(dealer.deal(work.sublayers[sublayer]!.tiles));
    }
  }
  return {
    members: stages.map(({ shares }) => membersOf(shares)),
    sublayers,
    vocabulary: new Dealer(vocabularyShares).deal(work.vocabulary.tiles),
  };
}
