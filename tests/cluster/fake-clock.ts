import type { Clock } from '../../device-agent/clock.ts';

interface Timer {
  readonly periodMs: number;
  dueMs: number;
  readonly task: () => void;
}

/** Time that passes when a test says so. */
export class FakeClock implements Clock {
  #nowMs = 0;
  readonly #timers = new Set<Timer>();

  nowMs(): number {
    return this.#nowMs;
  }

  every(periodMs: number, task: () => void): () => void {
    const timer = { periodMs, dueMs: this.#nowMs + periodMs, task };
    this.#timers.add(timer);
    return () => this.#timers.delete(timer);
  }

  soon(task: () => void): void {
    setTimeout(task, 0);
  }

  get timerCount(): number {
    return this.#timers.size;
  }

  /** Lets time pass in small steps, and messages arrive in between. */
  async pass(ms: number): Promise<void> {
    const endMs = this.#nowMs + ms;
    while (this.#nowMs < endMs) {
      this.#nowMs = Math.min(endMs, this.#nowMs + 50);
      for (const timer of [...this.#timers]) {
        if (timer.dueMs > this.#nowMs || !this.#timers.has(timer)) continue;
        timer.dueMs = this.#nowMs + timer.periodMs;
        timer.task();
      }
      await settle();
    }
  }
}

/** Lets everything happen that is waiting to happen now. */
export function settle(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 0));
}
