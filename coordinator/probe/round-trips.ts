/** Of the last round trips: so many that one in twenty is some, and so few that a link that changed is seen. */
const maxSamples = 40;

/** How long messages took there and back lately. */
export class RoundTrips {
  readonly #latestMs: number[] = [];

  add(milliseconds: number): void {
    this.#latestMs.push(milliseconds);
    if (this.#latestMs.length > maxSamples) this.#latestMs.shift();
  }

  /** 0 before the first. */
  get medianMs(): number {
    return this.#quantile(0.5);
  }

  get p95Ms(): number {
    return this.#quantile(0.95);
  }

  /** The largest below which no more than this part of the others lie: of few, the slowest is not taken for a rule. */
  #quantile(part: number): number {
    const ascending = [...this.#latestMs].sort((a, b) => a - b);
    return ascending[Math.floor(part * (ascending.length - 1))] ?? 0;
  }
}
