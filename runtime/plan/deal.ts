import type { Layout } from './layout.ts';
import type { ModelWork } from './workload.ts';

/** How many tiles of everything each rank holds, as `planByShares` deals them. */
export interface Deal {
  /** For each stage the ranks that have a share of it, ascending. */
  readonly members: readonly (readonly number[])[];
  /** [sublayer][rank] */
  readonly sublayers: readonly (readonly number[])[];
  /** [rank], of the output head */
  readonly vocabulary: readonly number[];
}

export function dealLayout(work: ModelWork, { stages, vocabularyShares }: Layout): Deal {
  const sublayers: number[][] = [];
  for (const { firstLayer, endLayer, shares } of stages) {
    const dealers = { attention: new Dealer(shares), ffn: new Dealer(shares) };
    for (let sublayer = 2 * firstLayer; sublayer < 2 * endLayer; sublayer += 1) {
      const dealer = sublayer % 2 === 0 ? dealers.attention : dealers.ffn;
      sublayers.push(dealer.deal(work.sublayers[sublayer]!.tiles));
    }
  }
  return {
    members: stages.map(({ shares }) => ranksOf(shares)),
    sublayers,
    vocabulary: new Dealer(vocabularyShares).deal(work.vocabulary.tiles),
  };
}

/** Who has a share. */
export function ranksOf(shares: readonly number[]): number[] {
  return shares.flatMap((share, rank) => (share > 0 ? [rank] : []));
}

/** Divides groups of tiles by shares; what rounding takes from a rank in one group it gets back in a later one. */
class Dealer {
  readonly #shares: readonly number[];
  readonly #members: readonly number[];
  readonly #total: number;
  readonly #debts: Float64Array;

  constructor(shares: readonly number[]) {
    this.#shares = shares;
    this.#members = ranksOf(shares);
    this.#total = shares.reduce((sum, share) => sum + share, 0);
    this.#debts = new Float64Array(shares.length);
  }

  /** @returns tiles of each rank */
  deal(tiles: number): number[] {
    const counts = this.#shares.map(() => 0);
    const remainders = new Float64Array(counts.length);
    if (this.#members.length === 0) return counts;
    if (this.#members.length === 1) return counts.with(this.#members[0]!, tiles);
    let missing = tiles;
    for (const rank of this.#members) {
      const wanted = (tiles * this.#shares[rank]!) / this.#total + this.#debts[rank]!;
      counts[rank] = Math.max(0, Math.floor(wanted));
      remainders[rank] = wanted - counts[rank]!;
      missing -= counts[rank]!;
    }
    const order = [...this.#members].sort((a, b) => remainders[b]! - remainders[a]! || a - b);
    for (let i = 0; missing > 0; i += 1, missing -= 1) counts[order[i % order.length]!]! += 1;
    for (let i = order.length - 1; missing < 0; i = (i + order.length - 1) % order.length) {
      if (counts[order[i]!]! === 0) continue;
      counts[order[i]!]! -= 1;
      missing += 1;
    }
    for (const rank of this.#members) {
      const wanted = (tiles * this.#shares[rank]!) / this.#total + this.#debts[rank]!;
      this.#debts[rank] = wanted - counts[rank]!;
    }
    return counts;
  }
}
