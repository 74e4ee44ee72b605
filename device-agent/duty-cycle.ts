/** A device that computed without a break would be throttled by its system anyway, later and harder. */
const leastRestMs = 20;
/** Of a device that rests for longer others must not think that it has died. */
const mostRestMs = 1000;

/** Keeps a device from computing for more than a part of the time. Pure. */
export class DutyCycle {
  readonly #effort: () => number;
  #owedMs = 0;

  /** @param effort part of the time in which the device may compute, 0 to 1 */
  constructor(effort: () => number) {
    this.#effort = effort;
  }

  /** The device has computed for so long, and is to go on. */
  add(milliseconds: number): void {
    const effort = Math.min(1, Math.max(0.05, this.#effort()));
    this.#owedMs += milliseconds * (1 / effort - 1);
  }

  /** The device has computed for so long. @returns for how long it should rest now */
  computed(milliseconds: number): number {
    this.add(milliseconds);
    if (this.#owedMs < leastRestMs) return 0;
    const restMs = Math.min(this.#owedMs, mostRestMs);
    this.#owedMs = 0;
    return restMs;
  }
}
