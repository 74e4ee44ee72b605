/** Parts of a step that take turns on a rank; behind them come the next. */
const roundParts = 2;

interface Turn {
  ended: number;
  readonly waiting: Map<number, () => void>;
}

/** Which parts of a step the ranks of each stage may compute: the next two begin when two have ended. */
export class Turns {
  readonly #turns = new Map<string, Turn>();

  /** @param begin called now, or when the part's turn has come */
  take(stage: number, rank: number, part: number, begin: () => void): void {
    const turn = this.#of(stage, rank);
    if (part < firstOfNext(turn)) begin();
    else turn.waiting.set(part, begin);
  }

  /** The rank has computed all of a part that is the stage's. */
  end(stage: number, rank: number): void {
    const turn = this.#of(stage, rank);
    turn.ended += 1;
    for (const [part, begin] of [...turn.waiting]) {
      if (part >= firstOfNext(turn)) continue;
      turn.waiting.delete(part);
      begin();
    }
  }

  #of(stage: number, rank: number): Turn {
    const key = `${stage} ${rank}`;
    const turn = this.#turns.get(key) ?? { ended: 0, waiting: new Map() };
    this.#turns.set(key, turn);
    return turn;
  }
}

function firstOfNext({ ended }: Turn): number {
  return (Math.floor(ended / roundParts) + 1) * roundParts;
}
