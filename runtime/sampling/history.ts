/** The tokens of one sequence, prompt and answer, as the penalties look back on them. */
export class TokenHistory {
  private readonly all: number[];
  private readonly counts = new Map<number, number>();

  constructor(prompt: readonly number[]) {
    this.all = [...prompt];
  }

  get tokens(): readonly number[] {
    return this.all;
  }

  /** How often the answer, without the prompt, holds each token. */
  get answerCounts(): ReadonlyMap<number, number> {
    return this.counts;
  }

  /** Appends a token of the answer. */
  push(token: number): void {
    this.all.push(token);
    this.counts.set(token, (this.counts.get(token) ?? 0) + 1);
  }

  /** The distinct tokens among the last `window` of prompt and answer. */
  recent(window: number): ReadonlySet<number> {
    return new Set(window === 0 ? [] : this.all.slice(-window));
  }
}
