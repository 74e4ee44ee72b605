import type { GpuClock } from './readback.ts';

/** What a mapping takes beyond the quickest one before it counts as asked too early. */
const slackMs = 0.2;
const growth = 0.25;
const decay = 0.95;
/** Beyond it nothing is gained that would be noticed. */
const mostMs = 20;
/** What is waited for longer than work of its kind has taken lately, so many times, has stopped: but never sooner. */
export const tolerance = 10;
const leastPatienceMs = 2_000;
/** The first time a driver may still be compiling, and later so long where no work of this kind has been seen. */
export const compilingMs = 60_000;
export const unseenPatienceMs = 10_000;
/** By which what took long once is forgotten from time to time. */
const memory = 0.9;

/**
 * How long to wait with `mapAsync` after work was submitted. Chromium looks after a mapping that has to wait by a slow
 * poll: asked for early, a result takes 2.5 ms to come, and asked for when it is due 0.6 ms. So the delay grows while
 * mappings are slow, and shrinks a little with each quick one. For work of one kind and size.
 */
export class MappingDelay {
  #delayMs = 0;
  #quickestMs = Number.POSITIVE_INFINITY;
  #beganMs = 0;
  #slowestMs: number | undefined;
  readonly #firstPatienceMs: number;

  constructor(firstPatienceMs = compilingMs) {
    this.#firstPatienceMs = firstPatienceMs;
  }

  get milliseconds(): number {
    return this.#delayMs;
  }

  /** What work of this kind has taken at most lately; undefined if there was none. */
  get slowestMs(): number | undefined {
    return this.#slowestMs;
  }

  /** How long to wait for a mapping before the GPU has stopped for sure. */
  get patienceMs(): number {
    return this.#slowestMs === undefined
      ? this.#firstPatienceMs
      : Math.max(leastPatienceMs, tolerance * this.#slowestMs);
  }

  /** Waits; between its turns others have theirs. */
  async pass(clock: GpuClock): Promise<void> {
    this.#beganMs = clock.nowMs();
    const dueMs = this.#beganMs + this.#delayMs;
    for (;;) {
      const restMs = dueMs - clock.nowMs();
      if (restMs <= 0) return;
      // Timers are late by a millisecond or more.
      await clock.wait(Math.max(0, restMs - 2));
    }
  }

  /** Learns from how long a mapping took that was asked for then and is there now. */
  mapped(askedMs: number, nowMs: number): void {
    this.#slowestMs = Math.max(nowMs - this.#beganMs, memory * (this.#slowestMs ?? 0));
    const milliseconds = nowMs - askedMs;
    this.#quickestMs = Math.min(this.#quickestMs, milliseconds);
    const lateMs = milliseconds - this.#quickestMs - slackMs;
    this.#delayMs = lateMs > 0 ? Math.min(mostMs, this.#delayMs + lateMs * growth) : this.#delayMs * decay;
  }
}
