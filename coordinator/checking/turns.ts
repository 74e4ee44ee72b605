import type { Spot } from './spot.ts';

/** Whose turn it is to be checked: all in an order that nobody can foretell, and none twice before each has been once. */
export class Turns {
  readonly #random: () => number;
  #waiting: Spot[] = [];
  #done: Spot[] = [];
  #owed = 0;

  constructor(random: () => number) {
    this.#random = random;
  }

  /** One spot of each rank is due at once. */
  restart(spots: readonly Spot[]): void {
    const shuffled = this.#shuffled(spots);
    const ranks = new Set(shuffled.map(({ rank }) => rank));
    const first = [...ranks].map((rank) => shuffled.find((spot) => spot.rank === rank)!);
    this.#waiting = [...first, ...shuffled.filter((spot) => !first.includes(spot))];
    this.#done = [];
    this.#owed = first.length;
  }

  /** One more is due, unless some are. */
  owe(): void {
    this.#owed = Math.max(1, this.#owed);
  }

  /** The next of those that may be checked now; undefined if none is due. */
  next(mayBe: (spot: Spot) => boolean = () => true): Spot | undefined {
    return this.#owed > 0 ? this.#waiting.find(mayBe) : undefined;
  }

  done(spot: Spot): void {
    this.#owed -= 1;
    this.#waiting = this.#waiting.filter((other) => other !== spot);
    this.#done.push(spot);
    if (this.#waiting.length > 0) return;
    this.#waiting = this.#shuffled(this.#done);
    this.#done = [];
  }

  #shuffled(spots: readonly Spot[]): Spot[] {
    const keyed = spots.map((spot) => ({ spot, key: this.#random() }));
    return keyed.sort((a, b) => a.key - b.key).map(({ spot }) => spot);
  }
}
