import { membersOf } from './residual-routes.ts';

/** Divides groups of tiles by shares; what rounding takes from a rank in one group it gets back in a later one. */
export class Dealer {
  readonly #shares: readonly number[];
  readonly #members: readonly number[];
  readonly #total: number;
  readonly #debts: Float64Array;

  constructor(shares: readonly number[]) {
    this.#shares = shares;
    this.#members = membersOf(shares);
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
