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
  /** Milliseconds that each loader has spent reading, ever and when the step began. */
  readonly #loaders: readonly (() => number)[];
  #readMs: readonly number[] = [];
  #beganMs = 0;

  /**
   * @param logs one for each thread, the leader's first
   * @param rest returns when no other thread is in a step
   * @param loaders tell how many milliseconds each loader has spent reading
   */
  constructor(
    logs: readonly SpanLog[],
    rest: () => void,
    nowMs: () => number,
    loaders: readonly (() => number)[] = [],
  ) {
    this.#logs = logs;
    this.#rest = rest;
    this.#nowMs = nowMs;
    this.#loaders = loaders;
  }

  /** The leader's own. */
  get recorder(): SpanLog {
    return this.#logs[0]!;
  }

  /** A step begins; the others are not in one. */
  begin(): void {
    this.#beganMs = this.#nowMs();
    for (const log of this.#logs) log.begin(this.#beganMs);
    this.#readMs = this.#loaders.map((readMs) => readMs());
  }

  /** The step ended with the leader's last mark. @returns the spans of each thread, then of each loader */
  end(): Spans[] {
    this.#rest();
    const { endMs } = this.recorder;
    for (const log of this.#logs.slice(1)) log.close(operations.idle, endMs);
    const loaders = this.#loaders.map((readMs, i) =>
      loaderSpans(readMs() - this.#readMs[i]!, endMs - this.#beganMs),
    );
    return [...this.#logs.map((log) => log.take()), ...loaders];
  }
}

/** A loader goes on between steps and keeps no log: only how much it read in a step is known, not when. */
function loaderSpans(readMs: number, stepMs: number): Spans {
  const durationsUs = Float32Array.of(Math.min(readMs, stepMs) * 1000, Math.max(0, stepMs - readMs) * 1000);
  const numbers = Uint8Array.of(operations.readWeights.number, operations.windowFull.number);
  return { operations: numbers, durationsUs, lost: 0 };
}
