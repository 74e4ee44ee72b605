import { HearthError } from '../../runtime/error.ts';
import { type Arrange, type Arrangement, isSameArrangement, type Stopgap } from './arrangement.ts';
import type { Seat } from './roster.ts';

/** Keeps how those who are here share the work; that is decided anew when they, or what is known of them, change. */
export class Arranging {
  readonly #arrange: Arrange;
  readonly #stopgap: Stopgap;
  readonly #onDecided: () => void;
  #seats: readonly Seat[] = [];
  #latest: Arrangement | undefined;
  #failure: HearthError | undefined;
  #isStale = false;
  #deciding: Promise<void> | undefined;

  /** @param onDecided there is another arrangement, or none is possible */
  constructor(arrange: Arrange, stopgap: Stopgap, onDecided: () => void) {
    this.#arrange = arrange;
    this.#stopgap = stopgap;
    this.#onDecided = onDecided;
  }

  /** What was decided last, while all of it are here, or what is left of it. */
  get latest(): Arrangement | undefined {
    return this.#latest;
  }

  /** Why there is none. */
  get failure(): HearthError | undefined {
    return this.#failure;
  }

  /** Until it is decided; undefined if nothing is to be. */
  get deciding(): Promise<void> | undefined {
    return this.#deciding;
  }

  /** By what answers would go on at first if a device vanished; undefined if that is not known. */
  without(seat: Seat): Arrangement | undefined {
    const rest = this.#seats.filter((other) => other !== seat);
    return this.#latest && this.#stopgap(this.#latest, rest);
  }

  /** @param seats those who may compute now */
  reconsider(seats: readonly Seat[]): void {
    this.#seats = seats;
    const latest = this.#latest;
    if (latest && !latest.seats.every((seat) => seats.includes(seat)))
      this.#latest = this.#stopgap(latest, seats);
    this.#isStale = true;
    this.#deciding ??= this.#decide().then(() => {
      this.#deciding = undefined;
      this.#onDecided();
    });
  }

  async #decide(): Promise<void> {
    while (this.#isStale) {
      this.#isStale = false;
      this.#failure = undefined;
      try {
        const decided = this.#seats.length > 0 ? await this.#arrange(this.#seats, this.#latest) : undefined;
        if (!this.#isStale) this.#decided(decided);
      } catch (error) {
        // What is in use goes on.
        if (!this.#isStale) this.#failure = HearthError.of(error, 'planning failed');
      }
    }
  }

  /** The same again is no change, so that what runs by it goes on. */
  #decided(decided: Arrangement | undefined): void {
    const isSame = this.#latest && decided && isSameArrangement(this.#latest, decided);
    if (!isSame) this.#latest = decided;
  }
}
