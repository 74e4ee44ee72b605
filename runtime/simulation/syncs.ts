import type { SimulatedStar } from './star.ts';

/** One member's part in a sync. */
export interface SyncTurn {
  /** Names the sync among all that are under way. */
  readonly key: string;
  readonly members: readonly number[];
  readonly rank: number;
  /** Of a packed partial sum, and of its values. */
  readonly packedBytes: number;
  readonly valueBytes: number;
}

/** The two ways in which ranks bring their sums together: two swap, more go through the hub. */
export class Syncs {
  readonly #star: SimulatedStar;
  readonly #gates = new Map<string, Gate>();

  constructor(star: SimulatedStar) {
    this.#star = star;
  }

  /** The rank has its part. @param go when it has the total */
  join(turn: SyncTurn, go: () => void): void {
    if (turn.members.length === 2) this.#swap(turn, go);
    else this.#reduce(turn, go);
  }

  #swap({ key, members, rank, packedBytes }: SyncTurn, go: () => void): void {
    const other = members[0] === rank ? members[1]! : members[0]!;
    const own = this.#gate(`${key} ${rank}`, 2);
    own.onOpen(rank, go);
    own.arrive();
    const theirs = this.#gate(`${key} ${other}`, 2);
    this.#star.up(rank, packedBytes, () => this.#star.down(other, packedBytes, () => theirs.arrive()));
  }

  #reduce({ key, members, rank, packedBytes, valueBytes }: SyncTurn, go: () => void): void {
    const gate = this.#gate(key, members.length);
    gate.onOpen(rank, () => this.#star.down(rank, packedBytes, go));
    this.#star.up(rank, packedBytes, () => this.#star.add(valueBytes, () => gate.arrive()));
  }

  #gate(key: string, count: number): Gate {
    const known = this.#gates.get(key);
    if (known) return known;
    const gate = new Gate(count, () => this.#gates.delete(key));
    this.#gates.set(key, gate);
    return gate;
  }
}

/** Opens when so many have arrived; who waits then goes on, by rank. */
class Gate {
  #missing: number;
  readonly #forget: () => void;
  readonly #waiting: [rank: number, go: () => void][] = [];

  constructor(count: number, forget: () => void) {
    this.#missing = count;
    this.#forget = forget;
  }

  onOpen(rank: number, go: () => void): void {
    this.#waiting.push([rank, go]);
  }

  arrive(): void {
    this.#missing -= 1;
    if (this.#missing > 0) return;
    this.#forget();
    for (const [, go] of this.#waiting.sort(([a], [b]) => a - b)) go();
  }
}
