import { operations } from '../profile/operations.ts';
import type { Team } from '../threads/team.ts';
import type { PlacedTile } from './placed-tile.ts';
import { leastWindowBytes, type Residency } from './residency.ts';
import { StepMeter } from './step-meter.ts';
import { orUnreadable, WindowControl } from './window-control.ts';
import { WindowTuner } from './window-tuner.ts';

/** Shared memory of a window (see `WindowControl`), and a clock to measure with. */
export interface Window {
  readonly memory: SharedArrayBuffer;
  readonly nowMs: () => number;
}

/** Steps of so few tokens are like those of an answer: for them the window is tuned. */
const fewTokens = 4;

/** The near end of a sliding window, as one thread of a rank has it: waits for tiles, and gives them back. */
export class WindowReader {
  readonly #control: WindowControl;
  readonly #residency: Residency;
  readonly #team: Team;
  /** The leader's. */
  readonly #meter: StepMeter | undefined;
  readonly #tuner: WindowTuner | undefined;
  /** A step has begun since the last look, and whether it counts. */
  #measured: boolean | undefined;
  /** The loader has not begun, or holds tiles that no step will use. */
  #stale = true;

  /** @param residents tiles that stay, to begin with */
  constructor({ memory, nowMs }: Window, residency: Residency, residents: number, team: Team) {
    this.#control = new WindowControl(memory);
    this.#residency = residency;
    this.#team = team;
    if (team.index > 0) return;
    this.#tuner = new WindowTuner(residency, leastWindowBytes(residency.specs, team.size));
    this.#meter = new StepMeter(residency.specs, nowMs);
    this.#control.residents = residents;
  }

  /**
   * The leader opens a step, in which the output head is used so many times; no thread may be in one.
   * @throws HearthError TILE_UNREADABLE
   */
  begin(tokens: number, headRounds: number): void {
    const residents = this.#tuned();
    if (this.#stale || residents !== this.#control.residents) {
      this.#control.requestRestart(residents);
      orUnreadable(() => this.#control.awaitRestart());
    }
    this.#stale = false;
    this.#measured = tokens <= fewTokens && headRounds === 1;
    this.#control.beginStep(headRounds);
  }

  /** @returns how many tiles should stay from now on */
  #tuned(): number {
    const { residents, statistics } = this.#control;
    if (!this.#meter || !this.#tuner || this.#stale || this.#measured === undefined) return residents;
    this.#meter.ended(this.#measured, statistics);
    return this.#measured ? this.#tuner.look(residents, this.#meter.timing) : residents;
  }

  /** Tiles that stay. */
  get residents(): number {
    return this.#control.residents;
  }

  /** The leader has given up a step in its middle. */
  abandon(): void {
    this.#stale = true;
  }

  /**
   * Waits until a tile is in memory.
   * @throws HearthError TILE_UNREADABLE
   */
  take(tile: PlacedTile): void {
    this.#meter?.asked(tile.index);
    let address = this.#control.address(tile.index);
    if (!address) {
      address = orUnreadable(() => this.#control.awaitAddress(tile.index));
      this.#team.recorder.mark(operations.awaitWeights);
      if (this.#meter) this.#control.countWait(this.#meter.got());
    }
    tile.moveTo(address);
  }

  /** This thread is done with a tile, until the next step. */
  release(tile: PlacedTile): void {
    this.#meter?.released(tile.index);
    if (!this.#residency.isResident(tile.index, this.#control.residents)) this.#control.release(tile.index);
  }
}
