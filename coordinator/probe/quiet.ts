import type { Clock } from '../../device-agent/clock.ts';

/** Knows for how long no step has run or waited, and tells who measures when one comes. */
export class Quiet {
  readonly #clock: Clock;
  readonly #listeners = new Set<() => void>();
  #steps = 0;
  #sinceMs: number;

  constructor(clock: Clock) {
    this.#clock = clock;
    this.#sinceMs = clock.nowMs();
  }

  /** Until its promise settles, a step runs or waits. */
  async breakFor<T>(step: () => Promise<T>): Promise<T> {
    this.#steps += 1;
    for (const yields of this.#listeners) yields();
    try {
      return await step();
    } finally {
      this.#steps -= 1;
      this.#sinceMs = this.#clock.nowMs();
    }
  }

  get isQuiet(): boolean {
    return this.#steps === 0;
  }

  /** 0 while a step runs or waits. */
  get lastsMs(): number {
    return this.isQuiet ? this.#clock.nowMs() - this.#sinceMs : 0;
  }

  /** @param yields called before a step goes its way. @returns what ends that */
  onBreak(yields: () => void): () => void {
    this.#listeners.add(yields);
    return () => this.#listeners.delete(yields);
  }
}
