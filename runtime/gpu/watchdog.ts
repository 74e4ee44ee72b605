import type { GpuClock } from './readback.ts';

/** Time between two looks. */
const turnMs = 250;

/**
 * Finds out that something does not come. Time is counted in turns that this thread has had to hear of it: while it
 * computes, or the device sleeps, nothing has been waited for. Watches one thing at a time.
 */
export class Watchdog {
  readonly #clock: GpuClock;
  #leftMs = 0;
  #bark: (() => void) | undefined;
  #isAwake = false;

  constructor(clock: GpuClock) {
    this.#clock = clock;
  }

  /** @returns what comes of it; undefined if nothing has in so long, give or take a quarter of a second */
  watch<T>(work: Promise<T>, patienceMs: number): Promise<T | undefined> {
    return new Promise((resolve, reject) => {
      const bark = (): void => resolve(undefined);
      this.#leftMs = patienceMs;
      this.#bark = bark;
      const end = (): void => {
        if (this.#bark === bark) this.#bark = undefined;
      };
      work.then(resolve, reject).finally(end);
      if (!this.#isAwake) void this.#look();
    });
  }

  /** Goes on from one thing to the next, so that there is one timer however short they are. */
  async #look(): Promise<void> {
    this.#isAwake = true;
    while (this.#bark) {
      await this.#clock.wait(turnMs);
      this.#leftMs -= turnMs;
      if (this.#leftMs <= 0) this.#bark?.();
      if (this.#leftMs <= 0) this.#bark = undefined;
    }
    this.#isAwake = false;
  }
}
