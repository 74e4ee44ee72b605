import { HearthError } from '../error.ts';

/** What was handed to another processor. */
export interface Loan<T> {
  /** Settles when it is back, or lost. */
  readonly ready: Promise<void>;
  /** Undefined if it was lost. */
  result: T | undefined;
}

/** What another processor of the device computes for a stage, one thing at a time, as long as it can. */
export class Loans {
  readonly #onLost: (error: HearthError) => void;
  #isLost = false;
  #isBusy = false;
  #pending: Promise<unknown> = Promise.resolve();

  /** @param onLost is told once */
  constructor(onLost: (error: HearthError) => void) {
    this.#onLost = onLost;
  }

  get isLost(): boolean {
    return this.#isLost;
  }

  /** Until it has brought what it has in hand, be it of a step that was given up, it gets nothing new. */
  get isFree(): boolean {
    return !this.#isLost && !this.#isBusy;
  }

  /**
   * Hands something out, while it is free.
   * @param compute begins it; whatever it throws, at once or later, is the loss of the processor
   */
  hand<T>(compute: () => Promise<T>): Loan<T> {
    this.#isBusy = true;
    // It begins at once; what it throws then comes as what it throws later.
    const computed = (async () => compute())();
    const loan: Loan<T> = {
      result: undefined,
      ready: computed.then(
        (result) => {
          this.#isBusy = false;
          loan.result = result;
        },
        (error: unknown) => this.#lose(error),
      ),
    };
    this.#pending = loan.ready;
    return loan;
  }

  /** Nothing more is handed out. @param then once it has brought what it has in hand */
  close(then: () => void): void {
    this.#isLost = true;
    void this.#pending.then(then);
  }

  #lose(error: unknown): void {
    if (!this.#isLost) this.#onLost(HearthError.of(error, 'the GPU failed'));
    this.#isLost = true;
  }
}
