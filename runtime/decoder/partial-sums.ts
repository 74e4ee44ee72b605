import { HearthError } from '../error.ts';
import type { Arena } from '../kernels/arena.ts';
import type { Kernels } from '../kernels/kernels.ts';
import { type Operation, operations } from '../profile/operations.ts';
import type { Recorder } from '../profile/recorder.ts';
import { perThread } from '../threads/scratch.ts';
import { shareOf, type Team } from '../threads/team.ts';
import type { MicroBatch, Portion } from './micro-batch.ts';
import type { PartialSum } from './step.ts';

/** What `addPartial` returns. */
const flagCoarse = 1;
export const flagOverflow = 2;
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
  /** int32: what each thread's additions flagged, then for each micro-batch whether its total uses the coarse plane. */
  readonly #flagWords: number;
  readonly #size: number;
  #flags = 0;
  /** For each token, whether its row of the own coarse plane holds what a later sync must not see. */
  readonly #coarseDirty: Uint8Array;

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
    this.#flagWords = arena.alloc((team.size + maxTokens) * 4);
    this.#coarseDirty = new Uint8Array(maxTokens);
  }

  begin({ first, end }: Portion): void {
    const { fine, coarse } = this.#planes[this.#team.index]!;
    const rowBytes = this.#size * 4;
    this.#arena.i32(fine + first * rowBytes, (end - first) * this.#size).fill(0);
    for (let token = first; token < end; token += 1)
      if (this.#coarseDirty[token]) this.#arena.i32(coarse + token * rowBytes, this.#size).fill(0);
    this.#coarseDirty.fill(0, first, end);
    this.#flags = 0;
  }

  /**
   * Adds one tile's product, some tokens at a time: what has just been computed is still in a cache.
   * @param multiply writes `hiddenSize` outputs of each of `count` tokens of the portion from `first` on
   * @param tileCount tiles that share this sync, on all ranks: none may use more than its part of an int32
   * @param operation what the product is charged to
   */
  add(
    multiply: (first: number, count: number, y: number, yStride: number) => void,
    { first, end }: Portion,
    tileCount: number,
    operation: Operation,
  ): void {
    const { fine, coarse } = this.#planes[this.#team.index]!;
    const bound = Math.floor(int32Max / tileCount);
    for (let token = first; token < end; token += chunkTokens) {
      const count = Math.min(chunkTokens, end - token);
      multiply(token - first, count, this.#partial, this.#size);
      this.#recorder.mark(operation);
      const at = token * this.#size * 4;
      const scales = this.scales + token * 16;
      const flags = this.#kernels.addPartial(
        this.#partial,
        fine + at,
        coarse + at,
        this.#size,
        count,
        scales,
        bound,
      );
      if (flags & flagCoarse) this.#coarseDirty.fill(1, token, token + count);
      this.#flags |= flags;
      this.#recorder.mark(operations.addPartial);
    }
  }

  /**
   * Adds what has been added up elsewhere, in the same units.
   * @param fine int32 [tokens of the portion × size]
   * @param coarse likewise
   * @param flags of `addPartial`
   */
  addSums({ first, end }: Portion, fine: Int32Array, coarse: Int32Array, flags: number): void {
    const own = this.#planes[this.#team.index]!;
    const [offset, values] = [first * this.#size * 4, (end - first) * this.#size];
    add(this.#arena.i32(own.fine + offset, values), fine);
    if (flags & flagCoarse) {
      add(this.#arena.i32(own.coarse + offset, values), coarse);
      this.#coarseDirty.fill(1, first, end);
    }
    this.#flags |= flags;
  }

  /** The last thing before the barrier at which all threads' sums are done. */
  publish(): void {
    this.#words()[this.#team.index] = this.#flags;
  }

  /** After that barrier: brings this thread's part of the values, of all threads, into the first one's planes. */
  reduce(portion: Portion): void {
    const [first, end] = shareOf(this.#team, (portion.end - portion.first) * this.#size);
    const offset = (portion.first * this.#size + first) * 4;
    const total = this.#planes[0]!;
    this.#planes.forEach(({ fine, coarse }, thread) => {
      if (thread === 0) return;
      this.#kernels.addInt32(total.fine + offset, fine + offset, end - first);
      if (this.#words()[thread]! & flagCoarse)
        this.#kernels.addInt32(total.coarse + offset, coarse + offset, end - first);
    });
  }

  /**
   * What the leader hands out once all have reduced: for each micro-batch its own.
   * @throws HearthError FIXED_POINT_OVERFLOW if a value was not finite or beyond the coarse plane
   */
  totals({ first, end, parts }: Portion, syncIndex: number): PartialSum[] {
    let flags = 0;
    for (let thread = 0; thread < this.#team.size; thread += 1) flags |= this.#words()[thread]!;
    // Other threads' coarse values are in this one's plane now, also if the step ends here.
    if (flags & flagCoarse) this.#coarseDirty.fill(1, first, end);
    if (flags & flagOverflow) {
      throw new HearthError(
        'FIXED_POINT_OVERFLOW',
        `layer ${syncIndex >> 1} computed a value that is not a number or far too large: the model file is ` +
          'probably damaged',
        { layer: syncIndex >> 1 },
      );
    }
    const coarseUsed = (flags & flagCoarse) !== 0;
    return parts.map((part) => this.#total(part, syncIndex, coarseUsed));
  }

  #total({ first, end }: MicroBatch, syncIndex: number, coarseUsed: boolean): PartialSum {
    const { fine, coarse } = this.#planes[0]!;
    const [at, values] = [first * this.#size * 4, (end - first) * this.#size];
    return {
      syncIndex,
      first,
      tokens: end - first,
      fine: this.#arena.i32(fine + at, values),
      coarse: this.#arena.i32(coarse + at, values),
      coarseUsed,
    };
  }

  /** The leader, when the sum over all ranks is in place. */
  settle({ index, first, end }: MicroBatch, { coarseUsed }: PartialSum): void {
    this.#words()[this.#team.size + index] = coarseUsed ? 1 : 0;
    if (coarseUsed) this.#coarseDirty.fill(1, first, end);
  }

  /** Adds the sum over all ranks to tokens [first, end) of a micro-batch: `residual` is float32 [tokens, hiddenSize]. */
  apply(residual: number, { index }: MicroBatch, first: number, end: number): void {
    const { fine, coarse } = this.#planes[0]!;
    const offset = first * this.#size * 4;
    const useCoarse = this.#words()[this.#team.size + index]!;
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
    return this.#arena.i32(this.#flagWords, this.#team.size + this.#coarseDirty.length);
  }
}

function add(target: Int32Array, source: Int32Array): void {
  for (let i = 0; i < source.length; i += 1) target[i]! += source[i]!;
}
