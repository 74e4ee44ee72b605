import { mixed, tableLength } from './text-index.ts';

/** Where each of many pairs of symbols stands in their list. A `Map` of as many takes several times this memory. */
export class PairIndex {
  /** Left and right of each place in the list. */
  readonly #pairs: Int32Array;
  /** Open addressing: a place in the list, plus one; 0 is free. */
  readonly #slots: Int32Array;

  constructor(length: number) {
    this.#pairs = new Int32Array(2 * length);
    this.#slots = new Int32Array(tableLength(length));
  }

  /** @returns false if the pair is there already, at another place */
  add(left: number, right: number, place: number): boolean {
    const slot = this.#slotOf(left, right);
    if (this.#slots[slot] !== 0) return false;
    this.#pairs[2 * place] = left;
    this.#pairs[2 * place + 1] = right;
    this.#slots[slot] = place + 1;
    return true;
  }

  /** @returns its place, or −1 */
  find(left: number, right: number): number {
    return this.#slots[this.#slotOf(left, right)]! - 1;
  }

  /** The slot that holds the pair, or a free one. */
  #slotOf(left: number, right: number): number {
    const pairs = this.#pairs;
    const mask = this.#slots.length - 1;
    let slot = mixed(Math.imul(left, 0x9e3779b1) ^ right) & mask;
    for (;;) {
      const place = this.#slots[slot]! - 1;
      if (place < 0 || (pairs[2 * place] === left && pairs[2 * place + 1] === right)) return slot;
      slot = (slot + 1) & mask;
    }
  }
}
