import { Dealer } from './dealer.ts';
import { dealByHeat } from './hot-tiles.ts';
import type { PipelineStage } from './layout.ts';

type DealtShares = Pick<PipelineStage, 'shares' | 'ffnShares'>;

/** Deals the tiles of a stage's layers, one layer after the other. */
export class StageDealer {
  readonly #stage: DealtShares;
  readonly #attention: Dealer;
  readonly #ffn: Dealer;

  constructor(stage: DealtShares, keepsShares = false) {
    const { shares, ffnShares } = stage;
    this.#stage = stage;
    this.#attention = new Dealer(shares, keepsShares);
    // Those are what there is memory for.
    this.#ffn = ffnShares ? new Dealer(ffnShares, true) : new Dealer(shares, keepsShares);
  }

  /** How many tiles each rank gets of a layer. */
  counts(kind: 'attention' | 'ffn', tiles: number): number[] {
    return (kind === 'ffn' ? this.#ffn : this.#attention).deal(tiles);
  }

  /**
   * Which ones: by default runs of neighbours, in the order of the ranks.
   * @param loads of each tile, where that is known
   * @returns for each rank places of tiles, ascending
   */
  places(counts: readonly number[], loads: readonly number[] | undefined): number[][] {
    const { shares, ffnShares } = this.#stage;
    if (ffnShares && loads) return dealByHeat(loads, { counts, shares });
    let next = 0;
    return counts.map((count) => Array.from({ length: count }, () => next++));
  }
}
