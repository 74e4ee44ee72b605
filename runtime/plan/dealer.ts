import { membersOf } from './residual-routes.ts';

/** Loads that differ by less count as equal: shares are sums of floats. */
const tolerance = 1e-9;

/**
 * Divides groups of tiles by shares, so that of each group the rank with the most for its share has as little as can be:
 * all wait for it. (D'Hondt's method of apportionment.) Where several divisions are as good, or if shares are to be kept
 * over all groups, a rank that had less than its share of the groups before gets more.
 */
export class Dealer {
  readonly #shares: readonly number[];
  readonly #members: readonly number[];
  readonly #total: number;
  readonly #keepsShares: boolean;
  /** Tiles that each would have got if they could be cut, less those that it has. */
  readonly #debts: Float64Array;

  constructor(shares: readonly number[], keepsShares = false) {
    this.#shares = shares;
    this.#keepsShares = keepsShares;
    this.#members = membersOf(shares);
    this.#total = shares.reduce((sum, share) => sum + share, 0);
    this.#debts = new Float64Array(shares.length);
  }

  /** @returns tiles of each rank */
  deal(tiles: number): number[] {
    const counts = this.#shares.map(() => 0);
    if (this.#members.length === 0) return counts;
    let missing = tiles;
    for (const rank of this.#members) {
      const due = (tiles * this.#shares[rank]!) / this.#total;
      // The method never gives less.
      counts[rank] = Math.floor(due);
      missing -= counts[rank];
      this.#debts[rank]! += due - counts[rank];
    }
    for (; missing > 0; missing -= 1) {
      const rank = this.#next(counts);
      counts[rank]! += 1;
      this.#debts[rank]! -= 1;
    }
    return counts;
  }

  /** Who gets one more. */
  #next(counts: readonly number[]): number {
    const loadOf = (rank: number) => (counts[rank]! + 1) / this.#shares[rank]!;
    return this.#members.reduce((best, rank) => {
      const [least, load] = [loadOf(best), loadOf(rank)];
      const differ = !this.#keepsShares && Math.abs(load - least) > tolerance * least;
      if (differ) return load < least ? rank : best;
      return this.#debts[rank]! > this.#debts[best]! + tolerance ? rank : best;
    });
  }
}
