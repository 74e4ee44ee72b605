interface Turns {
  /** Whose turn it is. */
  next: number;
  readonly waiting: Map<number, () => void>;
}

/** Keeps the order in which a rank computes: what comes early waits. */
export class TurnOrder {
  readonly #turns = new Map<string, Turns>();

  /** @param begin called now, or when those before have ended */
  take(stage: number, rank: number, turn: number, begin: () => void): void {
    const turns = this.#of(stage, rank);
    if (turn === turns.next) begin();
    else turns.waiting.set(turn, begin);
  }

  /** So many turns are over. */
  end(stage: number, rank: number, count = 1): void {
    const turns = this.#of(stage, rank);
    turns.next += count;
    const begin = turns.waiting.get(turns.next);
    turns.waiting.delete(turns.next);
    begin?.();
  }

  #of(stage: number, rank: number): Turns {
    const key = `${stage} ${rank}`;
    const turns = this.#turns.get(key) ?? { next: 0, waiting: new Map() };
    this.#turns.set(key, turns);
    return turns;
  }
}
