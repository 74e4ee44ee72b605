import { assert, HearthError } from '../error.ts';
import type { Arena } from '../kernels/arena.ts';
import { kvPageBytes, pagePositions } from '../kernels/kv-page.ts';
import type { RankOptions } from './rank-options.ts';

/**
 * The KV heads that one rank holds, in pages of 64 positions. A page index stands for the same positions in all
 * of the rank's heads and layers, so that one table a sequence is enough. A head's pages lie side by side.
 */
export class KvCache {
  /** Bytes from one page of a head to its next: K of the page, then V. */
  readonly pageBytes: number;
  readonly #pool: number;
  readonly #tables: number;
  readonly #tableLength: number;
  readonly #pageCount: number;
  readonly #arena: Arena;
  readonly #free: number[];
  readonly #held: number[][];

  /** @param heads KV heads of all layers together */
  constructor(arena: Arena, heads: number, headDim: number, options: RankOptions) {
    this.#arena = arena;
    this.#pageCount = options.kvPages;
    this.pageBytes = kvPageBytes(headDim, options.kvFormat);
    this.#pool = arena.alloc(heads * options.kvPages * this.pageBytes);
    this.#tableLength = Math.ceil(options.contextLength / pagePositions);
    this.#tables = arena.alloc(options.maxSequences * this.#tableLength * 4);
    this.#free = Array.from({ length: options.kvPages }, (_, i) => options.kvPages - 1 - i);
    this.#held = Array.from({ length: options.maxSequences }, () => []);
  }

  /** Address of the first page of a head, counted over the rank's layers. */
  head(index: number): number {
    return this.#pool + index * this.#pageCount * this.pageBytes;
  }

  /** Address of a sequence's page table, uint32 page indices. */
  table(slot: number): number {
    return this.#tables + slot * this.#tableLength * 4;
  }

  /** Page index that holds a position of a sequence; known where `reserve` is called. */
  page(slot: number, position: number): number {
    return this.#held[slot]![Math.floor(position / pagePositions)]!;
  }

  /** The bytes of one page of a sequence, in one head; the page is reserved. */
  bytes(head: number, slot: number, page: number): Uint8Array {
    const index = this.#held[slot]![page];
    assert(index !== undefined, 'a page that is reserved', slot, page);
    return this.#arena.u8(this.head(head) + index * this.pageBytes, this.pageBytes);
  }

  /** Pages that a sequence has. */
  pageCount(slot: number): number {
    return this.#held[slot]!.length;
  }

  /**
   * Gives a sequence exactly the pages for `positions`.
   * @throws HearthError CONTEXT_FULL if the pool is empty; whoever schedules must not let that happen
   */
  reserve(slot: number, positions: number): void {
    const wanted = Math.ceil(positions / pagePositions);
    assert(wanted <= this.#tableLength, 'a sequence stays within the context');
    const pages = this.#held[slot]!;
    while (pages.length > wanted) this.#free.push(pages.pop()!);
    if (wanted - pages.length > this.#free.length) {
      throw new HearthError('CONTEXT_FULL', `no KV page is free: all ${this.#pageCount} are in use`, {
        pages: this.#pageCount,
      });
    }
    while (pages.length < wanted) pages.push(this.#free.pop()!);
    this.#arena.u32(this.table(slot), pages.length).set(pages);
  }

  release(slot: number): void {
    this.reserve(slot, 0);
  }
}
