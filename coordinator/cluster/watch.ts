import { Liveness, type LivenessOptions } from '../../runtime/protocol/liveness.ts';
import { type StepShape, Vigil } from './vigil.ts';

/** Between two looks: this process has slept, or was held up. */
const oversleptMs = 1_000;

/**
 * Judges whether a device is there: by its silence on the link, and sooner by its silence in a step. Pure; times in ms of
 * any monotonic clock.
 */
export class Watch {
  readonly #liveness: Liveness;
  readonly #vigil = new Vigil();
  #lookedMs: number;
  #backlogBytes = 0;

  constructor(options: LivenessOptions, nowMs: number) {
    this.#liveness = new Liveness(options, nowMs);
    this.#lookedMs = nowMs;
  }

  heard(nowMs: number): void {
    this.#liveness.heard(nowMs);
    this.#vigil.heard(nowMs);
  }

  /** From now on its silence holds up a step. */
  stepBegins(shape: StepShape, nowMs: number): void {
    this.#vigil.begin(shape, nowMs);
  }

  stepEnds(): void {
    this.#vigil.end();
  }

  /** Whether it waits for its disk in the middle of steps. */
  streams(does: boolean): void {
    this.#vigil.streams(does);
  }

  /** @param backlogBytes that the link has not sent yet */
  verdict(nowMs: number, backlogBytes: number): 'alive' | 'ping' | 'dead' {
    const hasOverslept = nowMs - this.#lookedMs >= oversleptMs;
    // A device that stands still takes nothing any more.
    if (hasOverslept || backlogBytes < this.#backlogBytes) this.#vigil.excuse(nowMs);
    this.#lookedMs = nowMs;
    this.#backlogBytes = backlogBytes;
    const verdicts = [this.#liveness.verdict(nowMs), this.#vigil.verdict(nowMs)];
    if (verdicts.includes('dead')) return 'dead';
    return verdicts.includes('ping') ? 'ping' : 'alive';
  }
}
