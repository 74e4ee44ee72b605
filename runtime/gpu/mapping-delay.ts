import type { GpuClock } from './readback.ts';

/** What a mapping takes beyond the quickest one before it counts as asked too early. */
const slackMs = 0.2;
const growth = 0.25;
const decay = 0.95;
/** Beyond it nothing is gained that would be noticed. */
const mostMs = 20;

/**
 * How long to wait with `mapAsync` after work was submitted. Chromium looks after a mapping that has to wait by a slow
 * poll: asked for early, a result takes 2.5 ms to come, and asked for when it is due 0.6 ms. So the delay grows while
 * mappings are slow, and shrinks a little with each quick one. For work of one kind and size.
 */
export class MappingDelay {
  #delayMs = 0;
  #quickestMs = Number.POSITIVE_INFINITY;

  get milliseconds(): number {
    return this.#delayMs;
  }

  /** Waits; between its turns others have theirs. */
  async pass(clock: GpuClock): Promise<void> {
    const dueMs = clock.nowMs() + this.#delayMs;
    for (;;) {
      const restMs = dueMs - clock.nowMs();
      if (restMs <= 0) return;
      // Timers are late by a millisecond or more.
      await clock.wait(Math.max(0, restMs - 2));
    }
  }

  /** Learns from how long a mapping took. */
  mapped(milliseconds: number): void {
    this.#quickestMs = Math.min(this.#quickestMs, milliseconds);
    const lateMs = milliseconds - this.#quickestMs - slackMs;
    this.#delayMs = lateMs > 0 ? Math.min(mostMs, this.#delayMs + lateMs * growth) : this.#delayMs * decay;
  }
}
