import { assert } from '../error.ts';
import { KeyHeap } from './key-heap.ts';

/**
 * Which neighbouring symbols may become one. Symbols and merges are small non-negative integers; the negative
 * ones belong to nobody, so they never merge.
 */
export interface MergeRules {
  /** The merge of these two, or -1. */
  find(left: number, right: number): number;
  /** Its turn, below 2^24: the lowest goes first, and of equals the leftmost. */
  priority(merge: number): number;
  /** The symbol that it makes. */
  result(merge: number): number;
}

/** Positions fit below the priority in one exact f64 key. */
const POSITIONS = 2 ** 26;
/** Memory for this many symbols is kept from word to word; only a freak of a text needs more. */
const KEPT_SYMBOLS = 1 << 12;

/**
 * The loop that both tokenizer families share: merge the best pair of neighbours until none can merge.
 *
 * Time O(n log n): each merge puts at most two new pairs into the heap. A pair whose symbols have changed since
 * is recognised when it comes up and dropped.
 */
export class Merger {
  readonly #rules: MergeRules;
  #heap = new KeyHeap();
  #symbols = new Int32Array(KEPT_SYMBOLS);
  #next = new Int32Array(KEPT_SYMBOLS);
  #previous = new Int32Array(KEPT_SYMBOLS);
  #end = 0;

  constructor(rules: MergeRules) {
    this.#rules = rules;
  }

  /** Calls `emit` for each symbol left, in order, with the position in `symbols` where it starts. */
  merge(symbols: ArrayLike<number>, emit: (symbol: number, position: number) => void): void {
    const count = symbols.length;
    assert(count < POSITIONS, 'too many symbols to merge at once');
    this.#link(symbols);
    for (let i = 0; i + 1 < count; i++) this.#propose(i);
    while (this.#heap.size > 0) this.#apply(this.#heap.pop());
    for (let i = 0; i < count; i = this.#next[i]!) emit(this.#symbols[i]!, i);
    if (count > KEPT_SYMBOLS) this.#allocate(KEPT_SYMBOLS);
  }

  #allocate(count: number): void {
    this.#heap = new KeyHeap();
    this.#symbols = new Int32Array(count);
    this.#next = new Int32Array(count);
    this.#previous = new Int32Array(count);
  }

  #link(symbols: ArrayLike<number>): void {
    const count = symbols.length;
    if (count > KEPT_SYMBOLS) this.#allocate(count);
    for (let i = 0; i < count; i++) {
      this.#symbols[i] = symbols[i]!;
      this.#next[i] = i + 1;
      this.#previous[i] = i - 1;
    }
    this.#end = count;
  }

  #mergeAt(left: number): number {
    const right = this.#next[left]!;
    return right < this.#end ? this.#rules.find(this.#symbols[left]!, this.#symbols[right]!) : -1;
  }

  #propose(left: number): void {
    const merge = this.#mergeAt(left);
    if (merge >= 0) this.#heap.push(this.#rules.priority(merge) * POSITIONS + left);
  }

  #apply(key: number): void {
    const left = key % POSITIONS;
    const merge = this.#mergeAt(left);
    if (merge < 0 || this.#rules.priority(merge) * POSITIONS + left !== key) return;
    const right = this.#next[left]!;
    const after = this.#next[right]!;
    this.#symbols[left] = this.#rules.result(merge);
    // A swallowed symbol must not look mergeable to the pairs that still name it.
    this.#symbols[right] = -1;
    this.#next[left] = after;
    if (after < this.#end) this.#previous[after] = left;
    if (this.#previous[left]! >= 0) this.#propose(this.#previous[left]!);
    this.#propose(left);
  }
}
