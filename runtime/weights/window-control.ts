import { HearthError } from '../error.ts';

/** Words of the control block, apart where different threads write them often. */
const word = {
  /** Counts what the loader may be waiting for. */
  events: 0,
  loaderSleeps: 16,
  /** Steps that have begun. */
  steps: 32,
  /** Rounds of the output head in the step at hand and the one before, by parity. */
  rounds: 33,
  /** Requests to begin anew, with so many tiles that stay, and those that were met. */
  restarts: 35,
  residents: 36,
  restarted: 37,
  stopped: 38,
  failed: 39,
} as const;
/** Then the address of each tile that is in memory, else 0. */
const firstAddress = 48;
const statisticsBytes = 64;

/** What has passed through a window since it began. */
export interface WindowStatistics {
  /** That were read. */
  readonly bytes: number;
  /** Time that the loader spent reading. */
  readonly readMs: number;
  /** Time that the leader of the threads spent waiting for tiles. */
  readonly waitMs: number;
}

/** Its loader cannot read, or has been stopped. */
export class WindowClosed extends Error {}

/** @throws HearthError TILE_UNREADABLE where `wait` finds a window closed */
export function orUnreadable<T>(wait: () => T): T {
  try {
    return wait();
  } catch (error) {
    if (!(error instanceof WindowClosed)) throw error;
    throw new HearthError('TILE_UNREADABLE', 'a tile cannot be read any more: see the log of this device');
  }
}

/**
 * What a rank's threads and the loader of its window tell each other, in shared memory. The loader sets the address of
 * a tile that it has brought; the one thread that uses the tile waits for that, and sets it back to 0 when it is done.
 */
export class WindowControl {
  readonly #words: Int32Array;
  /** float64, see `WindowStatistics`. One writes each, others look: a torn look harms nobody. */
  readonly #statistics: Float64Array;

  static byteLength(tileCount: number): number {
    return statisticsBytes + (firstAddress + tileCount) * 4;
  }

  constructor(memory: SharedArrayBuffer) {
    this.#statistics = new Float64Array(memory, 0, 3);
    this.#words = new Int32Array(memory, statisticsBytes);
  }

  /** 0 while the tile is not in memory. */
  address(tile: number): number {
    return Atomics.load(this.#words, firstAddress + tile) >>> 0;
  }

  setAddress(tile: number, address: number): void {
    Atomics.store(this.#words, firstAddress + tile, address | 0);
    Atomics.notify(this.#words, firstAddress + tile);
  }

  /**
   * @returns the address of a tile, when it is in memory
   * @throws WindowClosed
   */
  awaitAddress(tile: number): number {
    for (;;) {
      const address = this.address(tile);
      if (address) return address;
      if (this.failed || this.stopped) throw new WindowClosed();
      Atomics.wait(this.#words, firstAddress + tile, 0, 1000);
    }
  }

  /** The thread that used a tile is done with it: its room is the loader's again. */
  release(tile: number): void {
    Atomics.store(this.#words, firstAddress + tile, 0);
    this.#happened();
  }

  get steps(): number {
    return Atomics.load(this.#words, word.steps);
  }

  /** Rounds of the output head in a step that has begun, this one or the one before. */
  rounds(step: number): number {
    return Atomics.load(this.#words, word.rounds + (step & 1));
  }

  beginStep(rounds: number): void {
    const step = this.steps + 1;
    Atomics.store(this.#words, word.rounds + (step & 1), rounds);
    Atomics.store(this.#words, word.steps, step);
    this.#happened();
  }

  /** Tiles that stay. */
  get residents(): number {
    return Atomics.load(this.#words, word.residents);
  }

  set residents(count: number) {
    Atomics.store(this.#words, word.residents, count);
  }

  /** Asks the loader to begin anew for the next step, with so many tiles that stay. No thread may be using any. */
  requestRestart(residents: number): void {
    this.residents = residents;
    Atomics.add(this.#words, word.restarts, 1);
    this.#happened();
  }

  /**
   * Returns when the loader has begun anew.
   * @throws WindowClosed
   */
  awaitRestart(): void {
    const words = this.#words;
    const request = Atomics.load(words, word.restarts);
    for (;;) {
      const met = Atomics.load(words, word.restarted);
      if (met === request) return;
      if (this.failed || this.stopped) throw new WindowClosed();
      Atomics.wait(words, word.restarted, met, 1000);
    }
  }

  /** What was asked for and is not yet met. */
  get restartRequest(): { readonly request: number; readonly residents: number } | undefined {
    const request = Atomics.load(this.#words, word.restarts);
    if (request === Atomics.load(this.#words, word.restarted)) return undefined;
    return { request, residents: this.residents };
  }

  restarted(request: number): void {
    Atomics.store(this.#words, word.restarted, request);
    Atomics.notify(this.#words, word.restarted);
  }

  /** The loader looks at this before it looks whether there is something to do: see `sleep`. */
  get events(): number {
    return Atomics.load(this.#words, word.events);
  }

  /** The loader sleeps until something happens that had not when it saw so many events. */
  sleep(seen: number): void {
    Atomics.store(this.#words, word.loaderSleeps, 1);
    Atomics.wait(this.#words, word.events, seen);
    Atomics.store(this.#words, word.loaderSleeps, 0);
  }

  get stopped(): boolean {
    return Atomics.load(this.#words, word.stopped) > 0;
  }

  stop(): void {
    Atomics.store(this.#words, word.stopped, 1);
    this.#wakeAll();
  }

  get failed(): boolean {
    return Atomics.load(this.#words, word.failed) > 0;
  }

  /** The loader cannot go on: whoever waits for it hears of it. */
  fail(): void {
    Atomics.store(this.#words, word.failed, 1);
    this.#wakeAll();
  }

  get statistics(): WindowStatistics {
    const [bytes, readMs, waitMs] = this.#statistics;
    return { bytes: bytes!, readMs: readMs!, waitMs: waitMs! };
  }

  countRead(bytes: number, milliseconds: number): void {
    this.#statistics[0]! += bytes;
    this.#statistics[1]! += milliseconds;
  }

  countWait(milliseconds: number): void {
    this.#statistics[2]! += milliseconds;
  }

  #happened(): void {
    Atomics.add(this.#words, word.events, 1);
    // Sleeping is announced before it is entered, and entered only if nothing has happened: no call is lost.
    if (Atomics.load(this.#words, word.loaderSleeps)) Atomics.notify(this.#words, word.events);
  }

  #wakeAll(): void {
    Atomics.add(this.#words, word.events, 1);
    for (let i = 0; i < this.#words.length; i += 1) Atomics.notify(this.#words, i);
  }
}
