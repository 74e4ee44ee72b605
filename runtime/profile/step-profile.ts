import { operations } from './operations.ts';
import type { SpanLog, Spans } from './recorder.ts';

/**
 * The logs of a rank's threads, as its leader handles them: in each step all begin and end at the same moments, so
 * that every thread's spans add up to the step.
 */
export class StepProfile {
  readonly #logs: readonly SpanLog[];
  readonly #rest: () => void;
  readonly #nowMs: () => number;

  /**
   * @param logs one for each thread, the leader's first
   * @param rest returns when no other thread is in a step
   */
  constructor(logs: readonly SpanLog[], rest: () => void, nowMs: () => number) {
    this.#logs = logs;
    this.#rest = rest;
    this.#nowMs = nowMs;
  }

  /** The leader's own. */
  get recorder(): SpanLog {
    return this.#logs[0]!;
  }

  /** A step begins; the others are not in one. */
  begin(): void {
    const startMs = this.#nowMs();
    for (const log of this.#logs) log.begin(startMs);
  }

  /** The step ended with the leader's last mark. @returns the spans of each thread */
  end(): Spans[] {
    this.#rest();
    const { endMs } = this.recorder;
    for (const log of this.#logs.slice(1)) log.close(operations.idle, endMs);
    return this.#logs.map((log) => log.take());
  }
}
