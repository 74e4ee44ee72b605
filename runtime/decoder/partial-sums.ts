import { HearthError } from '../error.ts';
import type { Arena } from '../kernels/arena.ts';
import type { Kernels } from '../kernels/kernels.ts';
import { type Operation, operations } from '../profile/operations.ts';
import type { Recorder } from '../profile/recorder.ts';
import { perThread } from '../threads/scratch.ts';
import { shareOf, type Team } from '../threads/team.ts';
import type { PlacedSection } from '../weights/placed-tile.ts';
import type { Activations } from './activations.ts';
import type { PartialSum } from './step.ts';

/** What `addPartial` returns. */
const flagCoarse = 1;
const flagOverflow = 2;
const int32Max = 2 ** 31 - 1;
/** As many as the kernels' panels hold. */
const chunkTokens = 32;

/** A sum in the making: addresses of int32 [tokens × hiddenSize]. */
interface Planes {
  readonly fine: number;
  readonly coarse: number;
}

/**
 * Adds up the partial products of a sync's tiles in fixed point, where addition is associative: the sum is the
 * same bits however tiles are spread over threads and ranks. Each value goes to one of two planes by its own size
 * alone. The fine one's unit is 2^−16 of the token's residual RMS; the coarse one's is 2^12 larger and takes what
 * massive activations need (a first token's can exceed 2^15 times the RMS), so that they neither saturate nor stop.
 *
 * Each thread adds to planes of its own; `reduce` brings all into the first thread's.
 */
export class PartialSums {
  /** Per token: fine scale, its inverse, coarse scale, its inverse; float32. Written by the RMS norm. */
  readonly scales: number;
  readonly #kernels: Kernels;
  readonly #arena: Arena;
  readonly #team: Team;
  readonly #recorder: Recorder;
  readonly #partial: number;
  readonly #planes: readonly Planes[];
  /** int32: what each thread's additions flagged, then whether the total uses the coarse plane. */
  readonly #flagWords: number;
  readonly #size: number;
  #flags = 0;
  /** The own coarse plane holds what a later sync must not see. */
  #coarseDirty = false;

  constructor(kernels: Kernels, arena: Arena, maxTokens: number, hiddenSize: number, team: Team) {
    this.#kernels = kernels;
    this.#arena = arena;
    this.#team = team;
    this.#recorder = team.recorder;
    this.#size = hiddenSize;
    this.scales = arena.alloc(maxTokens * 16);
    this.#partial = perThread(arena, team).alloc(Math.min(maxTokens, chunkTokens) * hiddenSize * 4);
    this.#planes = Array.from({ length: team.size }, () => ({
      fine: arena.alloc(maxTokens * hiddenSize * 4),
      coarse: arena.alloc(maxTokens * hiddenSize * 4),
    }));
    this.#flagWords = arena.alloc((team.size + 1) * 4);
  }

  begin(tokens: number): void {
    const { fine, coarse } = this.#planes[this.#team.index]!;
    const values = tokens * this.#size;
    this.#arena.i32(fine, values).fill(0);
    if (this.#coarseDirty) this.#arena.i32(coarse, values).fill(0);
    this.#coarseDirty = false;
    this.#flags = 0;
  }

  /**
   * Adds the product of one tile's matrix, which has `hiddenSize` rows, some tokens at a time: what has just been
   * computed is still in a cache.
   * @param tileCount tiles that share this sync, on all ranks: none may use more than its part of an int32
   * @param operation what the product is charged to
   */
  add(
    input: Activations,
    matrix: PlacedSection,
    tokens: number,
    tileCount: number,
    operation: Operation,
  ): void {
    const { fine, coarse } = this.#planes[this.#team.index]!;
    const bound = Math.floor(int32Max / tileCount);
    for (let first = 0; first < tokens; first += chunkTokens) {
      const count = Math.min(chunkTokens, tokens - first);
      input.multiply(matrix, first, count, this.#partial, this.#size);
      this.#recorder.mark(operation);
      const at = first * this.#size * 4;
      const scales = this.scales + first * 16;
      this.#flags |= this.#kernels.addPartial(
        this.#partial,
        fine + at,
        coarse + at,
        this.#size,
        count,
        scales,
        bound,
      );
      this.#recorder.mark(operations.addPartial);
    }
    if (this.#flags & flagCoarse) this.#coarseDirty = true;
  }

  /** The last thing before the barrier at which all threads' sums are done. */
  publish(): void {
    this.#words()[this.#team.index] = this.#flags;
  }

  /** After that barrier: brings this thread's part of the values, of all threads, into the first one's planes. */
  reduce(tokens: number): void {
    const [first, end] = shareOf(this.#team, tokens * this.#size);
    const total = this.#planes[0]!;
    this.#planes.forEach(({ fine, coarse }, thread) => {
      if (thread === 0) return;
      this.#kernels.addInt32(total.fine + first * 4, fine + first * 4, end - first);
      if (this.#words()[thread]! & flagCoarse)
        this.#kernels.addInt32(total.coarse + first * 4, coarse + first * 4, end - first);
    });
  }

  /**
   * What the leader hands out once all have reduced.
   * @throws HearthError FIXED_POINT_OVERFLOW if a value was not finite or beyond the coarse plane
   */
  total(tokens: number, syncIndex: number): PartialSum {
    const flags = this.#words().reduce((all, one, thread) => (thread < this.#team.size ? all | one : all), 0);
    // Other threads' coarse values are in this one's plane now, also if the step ends here.
    if (flags & flagCoarse) this.#coarseDirty = true;
    if (flags & flagOverflow) {
      throw new HearthError(
        'FIXED_POINT_OVERFLOW',
        `layer ${syncIndex >> 1} computed a value that is not a number or far too large: the model file is ` +
          'probably damaged',
        { layer: syncIndex >> 1 },
      );
    }
    const values = tokens * this.#size;
    const { fine, coarse } = this.#planes[0]!;
    return {
      syncIndex,
      fine: this.#arena.i32(fine, values),
      coarse: this.#arena.i32(coarse, values),
      coarseUsed: (flags & flagCoarse) !== 0,
    };
  }

  /** The leader, when the sum over all ranks is in place. */
  settle({ coarseUsed }: PartialSum): void {
    this.#words()[this.#team.size] = coarseUsed ? 1 : 0;
    this.#coarseDirty ||= coarseUsed;
  }

  /** Adds the sum over all ranks to tokens [first, end) of the residual, float32 [tokens, hiddenSize]. */
  apply(residual: number, first: number, end: number): void {
    const { fine, coarse } = this.#planes[0]!;
    const offset = first * this.#size * 4;
    const useCoarse = this.#words()[this.#team.size]!;
    this.#kernels.applySum(
      residual + offset,
      fine + offset,
      coarse + offset,
      useCoarse,
      this.#size,
      end - first,
      this.scales + first * 16,
    );
  }

  #words(): Int32Array {
    return this.#arena.i32(this.#flagWords, this.#team.size + 1);
  }
}
