import type { Arena } from '../kernels/arena.ts';
import type { Batch } from './batch.ts';

/** A step's batch in the rank's memory, where all its threads and the kernels find it. */
export class BatchMemory {
  /** int32 [tokens]: the position of each. */
  readonly positions: number;
  readonly #arena: Arena;
  readonly #maxTokens: number;
  readonly #counts: number;
  readonly #slots: number;
  readonly #pages: number;
  readonly #logitTokens: number;

  constructor(arena: Arena, maxTokens: number) {
    this.#arena = arena;
    this.#maxTokens = maxTokens;
    this.#counts = arena.alloc(8);
    this.#slots = arena.alloc(maxTokens * 4);
    this.positions = arena.alloc(maxTokens * 4);
    this.#pages = arena.alloc(maxTokens * 4);
    this.#logitTokens = arena.alloc(maxTokens * 4);
  }

  write({ tokens, logitTokens }: Batch): void {
    const put = (address: number, values: readonly number[]) =>
      this.#arena.i32(address, this.#maxTokens).set(values);
    put(
      this.#slots,
      tokens.map(({ slot }) => slot),
    );
    put(
      this.positions,
      tokens.map(({ position }) => position),
    );
    put(
      this.#pages,
      tokens.map(({ page }) => page),
    );
    put(this.#logitTokens, logitTokens);
    this.#arena.i32(this.#counts, 2).set([tokens.length, logitTokens.length]);
  }

  read(): Batch {
    const [tokenCount, logitCount] = this.#arena.i32(this.#counts, 2);
    const get = (address: number, count: number) => Array.from(this.#arena.i32(address, count));
    const positions = get(this.positions, tokenCount!);
    const pages = get(this.#pages, tokenCount!);
    const tokens = get(this.#slots, tokenCount!).map((slot, i) => ({
      slot,
      position: positions[i]!,
      page: pages[i]!,
    }));
    return { tokens, logitTokens: get(this.#logitTokens, logitCount!) };
  }
}
