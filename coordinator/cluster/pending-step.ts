import type { Clock } from '../../device-agent/clock.ts';
import type { HearthError } from '../../runtime/error.ts';
import type { StepRun } from './step-run.ts';

/** A step that somebody waits for, and that is given up if nothing comes for too long. */
export class PendingStep {
  readonly run: StepRun;
  readonly rows: Promise<Float32Array[]>;
  readonly #clock: Clock;
  readonly #stopWatch: () => void;
  #progressMs: number;
  #resolve!: (rows: Float32Array[]) => void;
  #reject!: (error: HearthError) => void;

  /** @param onStall called again and again while nothing has come for `stallMs` */
  constructor(run: StepRun, clock: Clock, stallMs: number, onStall: () => void) {
    this.run = run;
    this.#clock = clock;
    this.#progressMs = clock.nowMs();
    this.rows = new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
    this.#stopWatch = clock.every(Math.min(1000, stallMs), () => {
      if (clock.nowMs() - this.#progressMs >= stallMs) onStall();
    });
  }

  progressed(): void {
    this.#progressMs = this.#clock.nowMs();
  }

  /** @param error without it all ranks have answered */
  end(error?: HearthError): void {
    this.#stopWatch();
    if (error) this.#reject(error);
    else this.#resolve(this.run.rows);
  }
}
