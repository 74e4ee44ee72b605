import type { Residency } from './residency.ts';

/** How long the parts of a step take while nothing waits for weights; measured. */
export interface StepTiming {
  /** Milliseconds that a tile is in use, by its index. */
  readonly useMs: Float64Array;
  /** Milliseconds between the tile before and this one, by index: syncs, norms, other devices, what is between steps. */
  readonly pauseMs: Float64Array;
  /** Milliseconds that reading a byte takes. */
  readonly readMsPerByte: number;
}

export interface SteadyState {
  /** Milliseconds of a step, in the long run. */
  readonly stepMs: number;
  /** Those of them in which computing waits for weights. */
  readonly waitMs: number;
}

/** The first steps find the window as it was; after so many they are alike. */
const warmUpSteps = 3;

/**
 * What a step of one token takes in the long run, if so many tiles stay and the others stream: the loader reads them in
 * the order of their use whenever the window has room, computing waits for each and frees its room behind. Tiles of
 * one layer and kind are taken to be used one after another.
 *
 * TPI-LLM's conditions (arXiv 2410.00531, section 3.4) say for blocks of two sizes when computing never waits, and when
 * it waits now and then without being slowed down; this is what they are derived from, for tiles of any size, any of
 * which may stay, and a window of bytes.
 */
export function steadyState(residency: Residency, residents: number, timing: StepTiming): SteadyState {
  const { layers, vocabulary } = residency.order;
  const order = [...layers, ...vocabulary];
  const streams = order.map((tile) => !residency.isResident(tile, residents));
  const bytes = order.map((tile) => residency.passingBytes(tile));
  const windowBytes = residency.byteLength - residency.ringOffset(residents) - wasteOf(bytes);
  const window = new Window(windowBytes, timing.readMsPerByte);
  let nowMs = 0;
  let stepMs = 0;
  let waitMs = 0;
  for (let step = 0; step <= warmUpSteps; step += 1) {
    const beganMs = nowMs;
    waitMs = 0;
    order.forEach((tile, i) => {
      nowMs += timing.pauseMs[tile]!;
      if (streams[i]) {
        const loadedMs = window.load(bytes[i]!);
        waitMs += Math.max(0, loadedMs - nowMs);
        nowMs = Math.max(nowMs, loadedMs);
      }
      nowMs += timing.useMs[tile]!;
      if (streams[i]) window.released(nowMs);
    });
    stepMs = nowMs - beganMs;
  }
  return { stepMs, waitMs };
}

/** A tile is not cut in two at the end of the ring: on average half of one lies idle. */
function wasteOf(bytes: readonly number[]): number {
  return Math.max(0, ...bytes) / 2;
}

/** When the loader has read what, given when its room was free. */
class Window {
  readonly #byteLength: number;
  readonly #readMsPerByte: number;
  /** Of the tiles so far, and when each one's room was free again. */
  readonly #bytes: number[] = [];
  readonly #releasedMs: number[] = [];
  /** The oldest tile in the window. */
  #oldest = 0;
  #usedBytes = 0;
  #idleMs = 0;

  constructor(byteLength: number, readMsPerByte: number) {
    this.#byteLength = byteLength;
    this.#readMsPerByte = readMsPerByte;
  }

  /** @returns when the next tile has been read */
  load(byteLength: number): number {
    let beginMs = this.#idleMs;
    while (this.#usedBytes + byteLength > this.#byteLength && this.#oldest < this.#bytes.length) {
      beginMs = Math.max(beginMs, this.#releasedMs[this.#oldest]!);
      this.#usedBytes -= this.#bytes[this.#oldest]!;
      this.#oldest += 1;
    }
    this.#bytes.push(byteLength);
    this.#usedBytes += byteLength;
    this.#idleMs = beginMs + byteLength * this.#readMsPerByte;
    return this.#idleMs;
  }

  /** The tile that was read last is done with. */
  released(atMs: number): void {
    this.#releasedMs.push(atMs);
  }
}
