import { assert } from '../error.ts';
import { ByteRing } from './byte-ring.ts';
import type { Residency } from './residency.ts';
import { WindowControl } from './window-control.ts';

export interface LoaderOptions {
  readonly control: SharedArrayBuffer;
  readonly residency: Residency;
  /** Address of the region that the residency divides. */
  readonly region: number;
  /** How many tiles stand in their places already. */
  readonly loadedResidents: number;
  /** Reads a tile, by its index, to an address; what it throws, `run` does. */
  readonly read: (tile: number, address: number) => void;
  readonly nowMs: () => number;
}

/**
 * The far end of a sliding window: reads the tiles that do not stay in memory, in the order in which a step uses them,
 * ahead of their use, into a ring whose room is free again when they have been used; after a step's last it goes on
 * with the next one's first. Blocks its thread.
 */
export class WindowLoader {
  readonly #control: WindowControl;
  readonly #options: LoaderOptions;
  #ring: ByteRing;
  #layers: readonly number[] = [];
  #vocabulary: readonly number[] = [];
  /** Which step it reads for, and how far it is in it. */
  #step = 1;
  #cursor = 0;
  #loadedResidents: number;
  /** Whether it has ever begun: of cold tiles nothing stands in its place before. */
  #began = false;

  constructor(options: LoaderOptions) {
    this.#control = new WindowControl(options.control);
    this.#options = options;
    this.#loadedResidents = options.loadedResidents;
    this.#ring = new ByteRing(0, 0);
  }

  /** Returns when the window is stopped. */
  run(): void {
    const control = this.#control;
    while (!control.stopped) {
      const seen = control.events;
      if (this.turn()) continue;
      control.sleep(seen);
    }
  }

  /** Does the next thing that can be done without waiting. @returns whether there was any */
  turn(): boolean {
    return this.#restart() || this.#advance();
  }

  /** Begins anew if that is asked for: before a window's first step, and when tiles stay that did not, or none does. */
  #restart(): boolean {
    const asked = this.#control.restartRequest;
    if (!asked) return false;
    const { residency, region } = this.#options;
    const { residents } = asked;
    const cold = (tile: number) => !this.#began && residency.cold.has(tile);
    for (const tile of [
      ...residency.residents(0, Math.min(this.#loadedResidents, residents)).filter(cold),
      ...residency.residents(this.#loadedResidents, residents),
    ])
      this.#read(tile, region + residency.offset(tile));
    this.#began = true;
    this.#loadedResidents = residents;
    residency.specs.forEach(({ kind }, tile) => {
      if (kind === 'base') return;
      const stays = residency.isResident(tile, residents);
      this.#control.setAddress(tile, stays ? region + residency.offset(tile) : 0);
    });
    const streams = (tile: number) => !residency.isResident(tile, residents);
    this.#layers = residency.order.layers.filter(streams);
    this.#vocabulary = residency.order.vocabulary.filter(streams);
    this.#ring = new ByteRing(region + residency.ringOffset(residents), region + residency.byteLength);
    this.#step = this.#control.steps + 1;
    this.#cursor = 0;
    this.#control.restarted(asked.request);
    return true;
  }

  /** Reads the next tile. @returns whether it could */
  #advance(): boolean {
    const control = this.#control;
    const tile = this.#next();
    // A small model may come round before its tile of the last round is done.
    if (tile === undefined || control.address(tile) !== 0) return false;
    this.#ring.reclaim((old) => control.address(old) !== 0);
    const address = this.#ring.place(tile, this.#options.residency.passingBytes(tile));
    if (address === undefined) return false;
    this.#read(tile, address);
    control.setAddress(tile, address);
    this.#cursor += 1;
    return true;
  }

  /** @returns undefined until a step has begun that tells how often the output head is needed */
  #next(): number | undefined {
    if (this.#cursor < this.#layers.length) return this.#layers[this.#cursor];
    if (this.#control.steps < this.#step) return undefined;
    const rounds = this.#control.rounds(this.#step);
    const turn = this.#cursor - this.#layers.length;
    if (turn < rounds * this.#vocabulary.length) return this.#vocabulary[turn % this.#vocabulary.length];
    this.#step += 1;
    this.#cursor = 0;
    return this.#layers[0];
  }

  #read(tile: number, address: number): void {
    const { nowMs, read, residency } = this.#options;
    assert(address > 0, 'a ring once the window has begun');
    const sinceMs = nowMs();
    read(tile, address);
    this.#control.countRead(residency.passingBytes(tile), nowMs() - sinceMs);
  }
}
