import type { Clock } from '../../device-agent/clock.ts';

/** Runs tasks one after another; one that fails does not stop the next. */
export class TaskQueue {
  #last: Promise<unknown> = Promise.resolve();

  add<T>(task: () => Promise<T>): Promise<T> {
    const result = this.#last.then(task);
    this.#last = result.catch(() => {});
    return result;
  }
}

/** Something that changes now and then, and those who wait for it. */
export class Changes {
  readonly #clock: Clock;
  readonly #waiting = new Set<() => void>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  happened(): void {
    for (const wake of [...this.#waiting]) wake();
  }

  /** Resolves at the next change, or at `endMs` of the clock. */
  next(endMs: number): Promise<void> {
    const leftMs = endMs - this.#clock.nowMs();
    return new Promise((resolve) => {
      const wake = (): void => {
        stop();
        this.#waiting.delete(wake);
        resolve();
      };
      const stop = this.#clock.every(Math.max(1, Math.min(100, leftMs)), () => {
        if (this.#clock.nowMs() >= endMs) wake();
      });
      this.#waiting.add(wake);
    });
  }
}
