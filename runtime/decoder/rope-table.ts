import type { Arena } from '../kernels/arena.ts';
import type { Kernels } from '../kernels/kernels.ts';
import type { ModelDescription } from '../model/description.ts';
import type { TileStore } from '../weights/tile-store.ts';
import type { BatchMemory } from './batch-memory.ts';
import type { RankOptions } from './rank-options.ts';
import { ropeFrequencies } from './rope-frequencies.ts';

/** Cosines and sines of all positions, and the rotation of Q and K by them. */
export class RopeTable {
  readonly #kernels: Kernels;
  readonly #arena: Arena;
  readonly #description: ModelDescription;
  readonly #tiles: TileStore;
  readonly #contextLength: number;
  readonly #pairs: number;
  readonly #frequencies: number;
  readonly #table: number;
  readonly #batch: BatchMemory;
  #filled = false;

  constructor(
    kernels: Kernels,
    arena: Arena,
    description: ModelDescription,
    tiles: TileStore,
    options: RankOptions,
    batch: BatchMemory,
  ) {
    this.#kernels = kernels;
    this.#arena = arena;
    this.#description = description;
    this.#tiles = tiles;
    this.#contextLength = options.contextLength;
    this.#pairs = description.config.rope.dimensions / 2;
    this.#frequencies = arena.alloc(this.#pairs * 8);
    this.#table = arena.alloc(options.contextLength * this.#pairs * 8);
    this.#batch = batch;
  }

  /** Before a rank's first step, when the base tile's factors are loaded; one thread does it for all. */
  ensureFilled(): void {
    if (!this.#filled) this.#fill();
  }

  /** Rotates `heads` heads of each of a step's tokens from `first` on, in place: float32 rows of `stride` elements. */
  rotate(rows: number, heads: number, first: number, tokens: number, stride: number): void {
    const { headDim } = this.#description.config;
    const positions = this.#batch.positions + first * 4;
    this.#kernels.rope(rows, this.#table, positions, heads, headDim, this.#pairs, tokens, stride);
  }

  /** What turns a head at each of these positions, float32 [positions, 2 × pairs]: cosines, then sines. */
  angles(positions: readonly number[]): Float32Array<ArrayBuffer> {
    const angles = new Float32Array(positions.length * 2 * this.#pairs);
    positions.forEach((position, i) => {
      const row = this.#arena.f32(this.#table + position * this.#pairs * 8, 2 * this.#pairs);
      angles.set(row, i * 2 * this.#pairs);
    });
    return angles;
  }

  #fill(): void {
    const { config, ropeFactors } = this.#description;
    const factors = ropeFactors
      ? this.#arena.f32(this.#tiles.baseSection('ropeFactors').pointer, this.#pairs)
      : undefined;
    const { radians, magnitude } = ropeFrequencies(this.#kernels, config.rope, factors);
    this.#arena.f64(this.#frequencies, this.#pairs).set(radians);
    this.#kernels.ropeTable(this.#table, 0, this.#contextLength, this.#frequencies, this.#pairs, magnitude);
    this.#filled = true;
  }
}
