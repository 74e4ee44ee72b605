import type { RunnerLimits } from '../../runtime/generation/step-runner.ts';
import {
  chooseSlot,
  longestIdle,
  pagesFor,
  pagesOf,
  type Sequence,
  type Slot,
  sharedPrefix,
} from './slot.ts';

/**
 * The runner's KV caches: which sequence is in which, what the idle ones keep, and how many pages all of that
 * takes. A sequence's pages are reserved for the whole of it, so that no step runs out of them.
 */
export class SlotPool {
  readonly slots: readonly Slot[];
  private readonly kvPages: number;
  private released: number[] = [];

  constructor({ maxSequences, kvPages }: RunnerLimits) {
    this.kvPages = kvPages;
    this.slots = Array.from({ length: maxSequences }, (_, index) => ({
      index,
      held: [],
      owner: undefined,
      idleSince: 0,
    }));
  }

  get running(): readonly Sequence[] {
    return this.slots.flatMap((slot) => slot.owner ?? []);
  }

  /** KV pages that running sequences have reserved. */
  get reservedPages(): number {
    return sum(this.slots.filter((slot) => slot.owner).map(pagesOf));
  }

  /** Gives a sequence the slot that serves it best, if there are one and the pages; whether it did. */
  admit(sequence: Sequence): boolean {
    const { tokens } = sequence.generation;
    const idle = this.slots.filter((slot) => !slot.owner);
    const slot = chooseSlot(idle, tokens);
    if (!slot || !this.makeRoom(slot, sequence)) return false;
    // The last token is always computed again: nothing else yields its logits.
    sequence.cachedTokens = Math.min(sharedPrefix(slot.held, tokens), tokens.length - 1);
    sequence.position = sequence.cachedTokens;
    sequence.slot = slot;
    slot.owner = sequence;
    return true;
  }

  /** Takes a sequence out of its slot, which keeps what it holds. */
  leave(sequence: Sequence, stepCount: number): void {
    if (!sequence.slot) return;
    sequence.slot.owner = undefined;
    sequence.slot.idleSince = stepCount;
    sequence.slot = undefined;
  }

  /** Slots that the runner must release before the next step; each is named once. */
  takeReleased(): number[] {
    const released = this.released;
    this.released = [];
    return released;
  }

  /** The runner holds no more than these first positions of each slot: sequences go on from there. */
  keep(positions: readonly number[]): void {
    for (const slot of this.slots) {
      const kept = positions[slot.index] ?? 0;
      slot.held.length = Math.min(slot.held.length, kept);
      if (slot.owner) slot.owner.position = Math.min(slot.owner.position, kept);
    }
  }

  /** Frees what idle slots keep, longest idle first, until the sequence fits into the KV pages. */
  private makeRoom(slot: Slot, sequence: Sequence): boolean {
    const wanted = pagesFor(Math.max(sequence.generation.tokenLimit, slot.held.length));
    if (this.reservedPages + wanted > this.kvPages) return false;
    for (;;) {
      const others = this.slots.filter((other) => other !== slot);
      if (sum(others.map(pagesOf)) + wanted <= this.kvPages) return true;
      this.release(longestIdle(others.filter((other) => !other.owner && other.held.length > 0))!);
    }
  }

  private release(slot: Slot): void {
    slot.held.length = 0;
    this.released.push(slot.index);
  }
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0);
}
