import { Dealer } from './dealer.ts';
import type { Layout } from './layout.ts';
import { membersOf } from './residual-routes.ts';
import { StageDealer } from './stage-dealer.ts';
import type { ModelWork } from './workload.ts';

/** How many tiles of everything each rank holds, as `assignTiles` deals them. */
export interface Deal {
  /** For each stage the ranks that have a share of it, ascending. */
  readonly members: readonly (readonly number[])[];
  /** [sublayer][rank] */
  readonly sublayers: readonly (readonly number[])[];
  /** [sublayer][rank] Which of them, where what is read of tiles is known. */
  readonly places: readonly (readonly (readonly number[])[] | undefined)[];
  /** [sublayer][rank] What a token by itself reads of them, in mean tiles of the sublayer. */
  readonly loads: readonly (readonly number[])[];
  /** [rank], of the output head */
  readonly vocabulary: readonly number[];
}

export function dealLayout(work: ModelWork, { stages, vocabularyShares, keepsShares }: Layout): Deal {
  const sublayers: number[][] = [];
  const places: (number[][] | undefined)[] = [];
  const loads: number[][] = [];
  for (const stage of stages) {
    const dealer = new StageDealer(stage, keepsShares);
    for (let sublayer = 2 * stage.firstLayer; sublayer < 2 * stage.endLayer; sublayer += 1) {
      const { tiles, loads: ofTiles } = work.sublayers[sublayer]!;
      const counts = dealer.counts(sublayer % 2 === 0 ? 'attention' : 'ffn', tiles);
      const held = ofTiles && dealer.places(counts, ofTiles);
      sublayers.push(counts);
      places.push(held);
      loads.push(held?.map((tiles) => tiles.reduce((sum, tile) => sum + ofTiles![tile]!, 0)) ?? counts);
    }
  }
  return {
    members: stages.map(({ shares }) => membersOf(shares)),
    sublayers,
    places,
    loads,
    vocabulary: new Dealer(vocabularyShares).deal(work.vocabulary.tiles),
  };
}
