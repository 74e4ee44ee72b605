import { KernelCodec } from '../../runtime/collective/kernel-codec.ts';
import { activationBytes } from '../../runtime/kernels/activations.ts';
import type { Arena } from '../../runtime/kernels/arena.ts';
import { type KernelFormatName, kernelFormats, matmulScratchBytes } from '../../runtime/kernels/formats.ts';
import type { Kernels } from '../../runtime/kernels/kernels.ts';
import { attentionScratchBytes } from '../../runtime/kernels/kv-page.ts';
import { perThread } from '../../runtime/threads/scratch.ts';
import type { Team } from '../../runtime/threads/team.ts';

/** Of the matrices that are multiplied: as many columns as a small model's, and rows as a tile's. */
export const columns = 2048;
export const chunkRows = 512;
/** A prompt's panel. */
export const panelTokens = 32;
/** Of attention: query heads of one KV head, and what they look back on. */
export const head = { dim: 64, group: 4, positions: 1024 };
/** Sums that a sync exchanges. */
export const syncValues = 2048;

/** Every byte of weights and KV pages: ordinary numbers in any type. */
const fill = 0x11;

/** Where the threads of a device measure. Each lays it out by the same calls, and has a part of its own of most. */
export class ProbeMemory {
  readonly arena: Arena;
  readonly codec: KernelCodec;
  /** int32 [syncValues]. */
  readonly sums: Int32Array;
  /** Weights, or KV pages. */
  readonly weights: number;
  readonly weightBytes: number;
  readonly input: number;
  readonly activations: number;
  readonly output: number;
  readonly scratch: number;
  /** u32: the KV pages that attention reads. */
  readonly pageTable: number;
  /** f64 [threads], one each 64 bytes. */
  readonly #times: number;
  readonly #team: Team;

  /**
   * @param weightBytes of all threads together
   * @throws HearthError MEMORY_EXHAUSTED
   */
  constructor(kernels: Kernels, arena: Arena, team: Team, weightBytes: number) {
    const own = perThread(arena, team);
    this.arena = arena;
    this.#team = team;
    this.#times = arena.alloc(64 * team.size);
    this.weightBytes = Math.floor(weightBytes / team.size);
    this.weights = own.alloc(this.weightBytes);
    this.input = own.alloc(panelTokens * columns * 4);
    this.activations = own.alloc(panelTokens * activationBytes('f32', columns));
    this.output = own.alloc(panelTokens * chunkRows * 4);
    this.scratch = own.alloc(
      Math.max(matmulScratchBytes(columns), attentionScratchBytes(head.dim, head.positions)),
    );
    this.pageTable = own.alloc(head.positions * 4);
    this.codec = new KernelCodec(kernels, arena, syncValues);
    // At last, since a memory that grows takes its views away.
    this.sums = this.codec.allocatePlanes(syncValues).fine;
  }

  /** Touches all of this thread's part. */
  fill(): void {
    this.arena.u8(this.weights, this.weightBytes).fill(fill);
    this.arena.f32(this.input, panelTokens * columns).forEach((_, i, values) => {
      values[i] = ((i * 7919) % 257) / 128 - 1;
    });
    // As wide as sums are: 17 bits.
    for (let i = 0; i < syncValues; i += 1) this.sums[i] = ((i * 7919) % 131071) - 65535;
  }

  /** Weights of `chunkRows` rows, or of as many groups of 8 as fit. */
  rowsOf(name: KernelFormatName): number {
    const groups = Math.floor(this.weightBytes / kernelFormats[name].packedBytes(8, columns));
    return Math.min(chunkRows, 8 * groups);
  }

  /** What this thread measured. */
  set milliseconds(milliseconds: number) {
    this.#time(this.#team.index)[0] = milliseconds;
  }

  /** Of the slowest thread: all wait for it. */
  get slowestMilliseconds(): number {
    return Math.max(...Array.from({ length: this.#team.size }, (_, index) => this.#time(index)[0]!));
  }

  #time(index: number): Float64Array {
    return this.arena.f64(this.#times + 64 * index, 1);
  }
}
