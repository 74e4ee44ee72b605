import { HearthError } from '../error.ts';
import type { Arena } from '../kernels/arena.ts';
import type { Kernels } from '../kernels/kernels.ts';
import type { PartialSum } from './step.ts';

/** What `addPartial` returns. */
const flagCoarse = 1;
const flagOverflow = 2;
const int32Max = 2 ** 31 - 1;

/**
 * Adds up the partial products of a sync's tiles in fixed point, where addition is associative: the sum is the
 * same bits however tiles are spread over ranks. Each value goes to one of two planes by its own size alone. The
 * fine one's unit is 2^−16 of the token's residual RMS; the coarse one's is 2^12 larger and takes what massive
 * activations need (a first token's can exceed 2^15 times the RMS), so that they neither saturate nor stop.
 */
export class PartialSums {
  /** Per token: fine scale, its inverse, coarse scale, its inverse; float32. Written by the RMS norm. */
  readonly scales: number;
  readonly #kernels: Kernels;
  readonly #arena: Arena;
  readonly #partial: number;
  readonly #fine: number;
  readonly #coarse: number;
  readonly #size: number;
  #overflow = false;
  #coarseUsed = false;
  /** The coarse plane holds what a later sync must not see. */
  #coarseDirty = false;

  constructor(kernels: Kernels, arena: Arena, maxTokens: number, hiddenSize: number) {
    this.#kernels = kernels;
    this.#arena = arena;
    this.#size = hiddenSize;
    this.scales = arena.alloc(maxTokens * 16);
    this.#partial = arena.alloc(maxTokens * hiddenSize * 4);
    this.#fine = arena.alloc(maxTokens * hiddenSize * 4);
    this.#coarse = arena.alloc(maxTokens * hiddenSize * 4);
  }

  begin(tokens: number): void {
    const values = tokens * this.#size;
    this.#arena.i32(this.#fine, values).fill(0);
    if (this.#coarseDirty) this.#arena.i32(this.#coarse, values).fill(0);
    this.#coarseDirty = false;
    this.#coarseUsed = false;
    this.#overflow = false;
  }

  /**
   * Adds one tile's product.
   * @param compute writes float32 [tokens, hiddenSize] to the address that it is given
   * @param tileCount tiles that share this sync, on all ranks: none may use more than its part of an int32
   */
  add(tokens: number, tileCount: number, compute: (partial: number) => void): void {
    compute(this.#partial);
    const bound = Math.floor(int32Max / tileCount);
    const flags = this.#kernels.addPartial(
      this.#partial,
      this.#fine,
      this.#coarse,
      this.#size,
      tokens,
      this.scales,
      bound,
    );
    if (flags & flagCoarse) {
      this.#coarseUsed = true;
      this.#coarseDirty = true;
    }
    if (flags & flagOverflow) this.#overflow = true;
  }

  /** @throws HearthError FIXED_POINT_OVERFLOW if a value was not finite or beyond the coarse plane */
  finish(tokens: number, syncIndex: number): PartialSum {
    if (this.#overflow) {
      throw new HearthError(
        'FIXED_POINT_OVERFLOW',
        `layer ${syncIndex >> 1} computed a value that is not a number or far too large: the model file is ` +
          'probably damaged',
        { layer: syncIndex >> 1 },
      );
    }
    const values = tokens * this.#size;
    return {
      syncIndex,
      fine: this.#arena.i32(this.#fine, values),
      coarse: this.#arena.i32(this.#coarse, values),
      coarseUsed: this.#coarseUsed,
    };
  }

  /** Adds the sum over all ranks to the residual, float32 [tokens, hiddenSize]. */
  apply(residual: number, tokens: number, sum: PartialSum): void {
    this.#coarseDirty ||= sum.coarseUsed;
    this.#kernels.applySum(
      residual,
      this.#fine,
      this.#coarse,
      sum.coarseUsed ? 1 : 0,
      this.#size,
      tokens,
      this.scales,
    );
  }
}
