import type { Arena } from '../kernels/arena.ts';
import { ffnTileNeurons } from '../tile/spec.ts';
import type { Allocator } from '../threads/scratch.ts';

/** Which of a tile's neurons are computed for each token of a portion: int32 indices, ascending; and their gates. */
export class NeuronLists {
  readonly lengths: Int32Array;
  /** Address of float32 [tokens, ffnTileNeurons], in the order of the lists once they are made. */
  readonly gates: number;
  readonly #arena: Arena;
  /** int32 [tokens, neurons] */
  readonly #address: number;

  constructor(arena: Arena, own: Allocator, tokens: number) {
    this.#arena = arena;
    this.gates = own.alloc(tokens * ffnTileNeurons * 4);
    this.#address = own.alloc(tokens * ffnTileNeurons * 4);
    this.lengths = new Int32Array(tokens);
  }

  /** Address of a token's list. */
  at(token: number): number {
    return this.#address + token * ffnTileNeurons * 4;
  }

  /** Address of a token's gates. */
  gatesAt(token: number): number {
    return this.gates + token * ffnTileNeurons * 4;
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

  /** Marks what is listed for any of so many tokens. */
  mark(tokens: number, marks: Uint8Array): void {
    marks.fill(0);
    for (let token = 0; token < tokens; token += 1)
      for (const neuron of this.#arena.i32(this.at(token), this.lengths[token]!)) marks[neuron] = 1;
  }

  /** Puts in place of each neuron the number of its record. */
  renumber(tokens: number, numbers: Int32Array): void {
    for (let token = 0; token < tokens; token += 1) {
      const list = this.#arena.i32(this.at(token), this.lengths[token]!);
      for (let i = 0; i < list.length; i += 1) list[i] = numbers[list[i]!]!;
    }
  }
}
