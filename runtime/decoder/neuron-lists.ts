import type { Arena } from '../kernels/arena.ts';
import { ffnTileNeurons } from '../tile/spec.ts';
import type { Allocator } from '../threads/scratch.ts';

/** Which of a tile's neurons are computed for each token of a portion: int32 indices, ascending. */
export class NeuronLists {
  readonly lengths: Int32Array;
  readonly #arena: Arena;
  /** int32 [tokens, neurons] */
  readonly #address: number;

  constructor(arena: Arena, own: Allocator, tokens: number) {
    this.#arena = arena;
    this.#address = own.alloc(tokens * ffnTileNeurons * 4);
    this.lengths = new Int32Array(tokens);
  }

  /** Address of a token's list. */
  at(token: number): number {
    return this.#address + token * ffnTileNeurons * 4;
  }

  /** Lists all of a tile's neurons. */
  takeAll(token: number, neurons: number): void {
    this.#arena.i32(this.at(token), neurons).forEach((_, i, all) => {
      all[i] = i;
    });
    this.lengths[token] = neurons;
  }

  /** Of so many tokens together. */
  total(tokens: number): number {
    let total = 0;
    for (let token = 0; token < tokens; token += 1) total += this.lengths[token]!;
    return total;
  }
}
