import type { StepHeader, StepSequence } from '../../runtime/decoder/step.ts';
import { HearthError } from '../../runtime/error.ts';
import type { FormationRank } from './formation-rank.ts';
import type { KvCopies } from './kv-copies.ts';

/** How many positions each slot holds on every rank: what a step may build on, and what of it outlives the ranks. */
export class Caches {
  readonly #copies: KvCopies;
  readonly #held: number[];
  /** Slots whose copies the ranks have not been given back. */
  readonly #unrestored = new Set<number>();

  constructor(slots: number, copies: KvCopies) {
    this.#copies = copies;
    this.#held = new Array<number>(slots).fill(0);
  }

  /** The ranks start anew, with what there are copies of. @returns how many positions each slot has kept */
  restart(): readonly number[] {
    for (const [slot, held] of this.#held.entries())
      this.#held[slot] = Math.min(this.#copies.positions(slot), held - (held % this.#copies.runPositions));
    this.#copies.restart(this.#held);
    for (const [slot, held] of this.#held.entries()) if (held > 0) this.#unrestored.add(slot);
    return [...this.#held];
  }

  release(slot: number): void {
    this.#held[slot] = 0;
    this.#unrestored.delete(slot);
    this.#copies.release(slot);
  }

  /** Nothing of what is held is to be built on any more. */
  forget(): void {
    for (const slot of this.#held.keys()) this.release(slot);
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

  /** Gives ranks that are new their parts of the copies that a step builds on: others may never be wanted. */
  restore(ranks: readonly FormationRank[], sequences: readonly StepSequence[]): void {
    for (const { slot, start } of sequences) {
      if (!this.#unrestored.delete(slot)) continue;
      for (const { member, assignment } of ranks)
        for (const frame of this.#copies.framesFor(slot, start, assignment.tileIds)) member.sendFrame(frame);
    }
  }

  /** A step is under way: should it fail, nobody knows how far the ranks have come. */
  begun(header: StepHeader): void {
    for (const { slot, start } of header.sequences) this.#held[slot] = start;
    this.#copies.begin(header);
  }

  done(sequences: readonly StepSequence[]): void {
    for (const { slot, start, count } of sequences) this.#held[slot] = start + count;
  }
}
