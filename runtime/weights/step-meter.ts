import { tileGroups } from '../tile/groups.ts';
import type { TileSpec } from '../tile/spec.ts';
import type { StepTiming } from './steady-state.ts';
import type { WindowStatistics } from './window-control.ts';

/** Weight of a new step in what is remembered of those before. */
const newShare = 0.25;
/** Between two steps of one answer less time passes: longer is nobody's wish for a token. */
const longestPauseMs = 50;

/**
 * Measures, as the leader of a rank's threads, how long the parts of a step take apart from waiting for weights. It
 * sees its own tiles only: threads take turns in a group of tiles that are computed side by side, so that the time which
 * the leader spends in a group is divided among all of its tiles.
 */
export class StepMeter {
  readonly timing: { -readonly [K in keyof StepTiming]: StepTiming[K] };
  readonly #nowMs: () => number;
  /** Index → which group it is in, and each group's tiles. */
  readonly #groupOf: Uint32Array;
  readonly #groups: readonly (readonly number[])[];
  readonly #useMs: Float64Array;
  readonly #pauseMs: Float64Array;
  #lastMs = 0;
  #steps = 0;
  #before: WindowStatistics = { bytes: 0, readMs: 0, waitMs: 0 };

  constructor(specs: readonly TileSpec[], nowMs: () => number) {
    this.#nowMs = nowMs;
    this.#groups = tileGroups(specs);
    this.#groupOf = new Uint32Array(specs.length);
    this.#groups.forEach((tiles, group) => {
      for (const tile of tiles) this.#groupOf[tile] = group;
    });
    this.#useMs = new Float64Array(this.#groups.length);
    this.#pauseMs = new Float64Array(this.#groups.length);
    this.timing = {
      useMs: new Float64Array(specs.length),
      pauseMs: new Float64Array(specs.length),
      readMsPerByte: 0,
    };
  }

  /** The leader is about to use a tile. */
  asked(tile: number): void {
    const nowMs = this.#nowMs();
    const pauseMs = nowMs - this.#lastMs;
    if (pauseMs < longestPauseMs) this.#pauseMs[this.#groupOf[tile]!]! += pauseMs;
    this.#lastMs = nowMs;
  }

  /** It is there, after a wait. @returns milliseconds of it */
  got(): number {
    const waitMs = this.#nowMs() - this.#lastMs;
    this.#lastMs += waitMs;
    return waitMs;
  }

  released(tile: number): void {
    const nowMs = this.#nowMs();
    this.#useMs[this.#groupOf[tile]!]! += nowMs - this.#lastMs;
    this.#lastMs = nowMs;
  }

  /** A step has ended. @param counts whether it is one of those that `timing` is about */
  ended(counts: boolean, loader: WindowStatistics): void {
    if (counts) this.#remember(loader);
    this.#before = loader;
    this.#useMs.fill(0);
    this.#pauseMs.fill(0);
  }

  #remember(loader: WindowStatistics): void {
    const { timing } = this;
    const share = this.#steps === 0 ? 1 : newShare;
    this.#steps += 1;
    this.#groups.forEach((tiles, group) => {
      for (const [i, tile] of tiles.entries()) {
        const pauseMs = i === 0 ? this.#pauseMs[group]! : 0;
        timing.useMs[tile]! += share * (this.#useMs[group]! / tiles.length - timing.useMs[tile]!);
        timing.pauseMs[tile]! += share * (pauseMs - timing.pauseMs[tile]!);
      }
    });
    const bytes = loader.bytes - this.#before.bytes;
    if (bytes === 0) return;
    const readMsPerByte = (loader.readMs - this.#before.readMs) / bytes;
    timing.readMsPerByte += share * (readMsPerByte - timing.readMsPerByte);
  }
}
