import type { StepSequence } from '../../runtime/decoder/step.ts';
import { HearthError } from '../../runtime/error.ts';

/** How many positions each slot holds on every rank: what a step may build on. */
export class SlotPositions {
  readonly #held: number[];

  constructor(slots: number) {
    this.#held = new Array<number>(slots).fill(0);
  }

  /** The ranks start with empty caches. */
  reset(): void {
    this.#held.fill(0);
  }

  release(slot: number): void {
    this.#held[slot] = 0;
  }

  /** @throws HearthError CACHE_LOST if a sequence starts behind what its slot holds */
  check(sequences: readonly StepSequence[]): void {
    const lost = sequences.find(({ slot, start }) => start > this.#held[slot]!);
    if (!lost) return;
    const { slot, start } = lost;
    const held = this.#held[slot]!;
    throw new HearthError(
      'CACHE_LOST',
      `slot ${slot} holds ${held} positions, not ${start}: compute them again`,
      {
        slot,
      },
    );
  }

  /** A step is under way: should it fail, nobody knows how far the ranks have come. */
  begun(sequences: readonly StepSequence[]): void {
    for (const { slot, start } of sequences) this.#held[slot] = start;
  }

  done(sequences: readonly StepSequence[]): void {
    for (const { slot, start, count } of sequences) this.#held[slot] = start + count;
  }
}
