import type { Residency } from './residency.ts';
import { type StepTiming, steadyState } from './steady-state.ts';

/** Steps that are measured before the window is looked at, and from one look to the next. */
const stepsPerLook = 8;
/** A change has the loader begin anew: less gain than this is not worth it, nor certain. */
const leastGain = 0.02;
/** Windows that are considered: each is so much larger than the one before. */
const growth = 1.5;

/** Chooses, from what steps are measured to take, how many tiles stay in memory and how large the window is. */
export class WindowTuner {
  readonly #residency: Residency;
  /** Numbers of tiles that may stay, the most first. */
  readonly #candidates: readonly number[];
  #steps = 0;

  /** @param leastWindowBytes the smallest window that lets everybody go on */
  constructor(residency: Residency, leastWindowBytes: number) {
    this.#residency = residency;
    const candidates: number[] = [];
    for (let bytes = leastWindowBytes; bytes <= residency.byteLength; bytes *= growth)
      candidates.push(residency.mostResidents(bytes));
    this.#candidates = [...new Set(candidates)];
  }

  /**
   * A step has been measured.
   * @param residents tiles that stay now
   * @returns how many should
   */
  look(residents: number, timing: StepTiming): number {
    this.#steps += 1;
    if (this.#steps % stepsPerLook !== 0) return residents;
    const nowMs = steadyState(this.#residency, residents, timing).stepMs;
    const predictions = this.#candidates.map((count) => ({
      count,
      stepMs: steadyState(this.#residency, count, timing).stepMs,
    }));
    const bestMs = Math.min(...predictions.map(({ stepMs }) => stepMs));
    // Of those that are as good as the best, the one that reads least.
    const chosen = predictions.find(({ stepMs }) => stepMs <= bestMs * (1 + leastGain / 2))!;
    const gains = chosen.stepMs < nowMs * (1 - leastGain);
    const saves = chosen.count > residents && chosen.stepMs <= nowMs;
    return gains || saves ? chosen.count : residents;
  }
}
