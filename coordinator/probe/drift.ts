import type { StepTime } from './step-times.ts';

/** Steps after which it is known how long steps of a kind take. */
const referenceSteps = 8;
/** Kinds that are told apart: more are not seen in a while. */
const maxKinds = 64;
/** Positions by which attention does not become much slower. */
const kindPositions = 512;
/** Steps over whose median the speed is smoothed: single ones may have waited for anything. */
const smoothedSteps = 33;
/** For so long it must be another one, and by so much. */
const sustainedMs = 4_000;
const limit = 1.25;

/**
 * Notices that a device has become slower or faster than when its present work began. Steps of one token a sequence are
 * compared with others of as many sequences, that look back on about as much. Pure; times in ms of any monotonic clock.
 */
export class Drift {
  /** First steps of each kind, then what they take. */
  readonly #first = new Map<string, number[]>();
  readonly #references = new Map<string, number>();
  /** Of the last steps: the speed over that of the reference. */
  #latest: number[] = [];
  #otherSinceMs: number | undefined;
  #flagged = false;

  /** The device has other work to do, or was measured anew: what it did before says nothing. */
  reset(): void {
    this.#first.clear();
    this.#references.clear();
    this.#latest = [];
    this.#otherSinceMs = undefined;
    this.#flagged = false;
  }

  note(step: StepTime, nowMs: number): void {
    if (step.tokens !== step.sequences || step.milliseconds <= 0) return;
    const referenceMs = this.#referenceOf(step);
    if (referenceMs === undefined) return;
    this.#latest.push(referenceMs / step.milliseconds);
    if (this.#latest.length > smoothedSteps) this.#latest.shift();
    const ratio = this.#ratio;
    if (ratio < limit && ratio > 1 / limit) {
      this.#otherSinceMs = undefined;
      this.#flagged = false;
    } else {
      this.#otherSinceMs ??= nowMs;
      this.#flagged ||= nowMs - this.#otherSinceMs >= sustainedMs;
    }
  }

  /** Its speed over what it was, 0.5 if steps take twice as long; undefined while that is about the same. */
  get speed(): number | undefined {
    return this.#flagged ? this.#ratio : undefined;
  }

  get #ratio(): number {
    return this.#latest.length < referenceSteps ? 1 : medianOf(this.#latest);
  }

  #referenceOf({ milliseconds, sequences, positions }: StepTime): number | undefined {
    const kind = `${sequences} ${Math.floor(positions / kindPositions)}`;
    const known = this.#references.get(kind);
    if (known !== undefined) return known;
    const first = this.#first.get(kind) ?? [];
    this.#first.set(kind, first);
    if (this.#first.size > maxKinds) this.#forgetOldest();
    first.push(milliseconds);
    if (first.length < referenceSteps) return undefined;
    // A kind that is seen first when the device is slower already was faster before, too.
    this.#references.set(kind, medianOf(first) * this.#ratio);
    return undefined;
  }

  #forgetOldest(): void {
    const [oldest] = this.#first.keys();
    this.#first.delete(oldest!);
    this.#references.delete(oldest!);
  }
}

function medianOf(values: readonly number[]): number {
  return [...values].sort((a, b) => a - b)[values.length >> 1]!;
}
