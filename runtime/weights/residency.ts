import { assert } from '../error.ts';
import type { TileSpec } from '../tile/spec.ts';
import { type UseOrder, useOrder } from './use-order.ts';

/** Tiles begin where a disk can be read straight into memory. */
export const tileAlignment = 4096;

/** Fractional parts of its multiples fill [0, 1) evenly, however many there are. */
const goldenRatio = 0.618033988749895;

/** Bytes that a tile takes where tiles stream. */
export function slotBytes({ byteLength }: TileSpec): number {
  return Math.ceil(byteLength / tileAlignment) * tileAlignment;
}

/**
 * How a rank's tiles share a region of memory that cannot hold all of them: some stay, at its beginning, and the
 * others pass through the rest, a ring. Only the number of those that stay can change; they are always the first of
 * one row, in which any beginning is spread evenly over a step and over its threads, so that a disk is asked for as
 * much in any part of a step as in any other.
 */
export class Residency {
  readonly order: UseOrder;
  readonly specs: readonly TileSpec[];
  /** Bytes of the region. */
  readonly byteLength: number;
  /** Indexes of tiles, those that stay first. */
  readonly #row: readonly number[];
  /** Where in the region each of the row would stay; one more says where all end. */
  readonly #offsets: readonly number[];
  /** Index → place in the row. */
  readonly #places: ReadonlyMap<number, number>;

  /** @param specs the rank's tiles, base tiles among them, which have no part in this */
  constructor(specs: readonly TileSpec[], teamSize: number, byteLength: number) {
    this.specs = specs;
    this.byteLength = byteLength;
    this.order = useOrder(specs, teamSize);
    this.#row = spreadEvenly([...this.order.layers, ...this.order.vocabulary]);
    this.#places = new Map(this.#row.map((index, place) => [index, place]));
    const offsets = [0];
    for (const index of this.#row) offsets.push(offsets.at(-1)! + slotBytes(specs[index]!));
    this.#offsets = offsets;
  }

  /** Most tiles that may stay if the ring is to have so many bytes. */
  mostResidents(ringBytes: number): number {
    let count = 0;
    while (count < this.#row.length && this.#offsets[count + 1]! + ringBytes <= this.byteLength) count += 1;
    return count;
  }

  isResident(index: number, residents: number): boolean {
    return this.#places.get(index)! < residents;
  }

  /** Where in the region a tile is while it stays. */
  offset(index: number): number {
    return this.#offsets[this.#places.get(index)!]!;
  }

  /** Where the ring begins. */
  ringOffset(residents: number): number {
    const offset = this.#offsets[residents]!;
    assert(offset <= this.byteLength, 'tiles that fit', residents, this.byteLength);
    return offset;
  }

  /** Tiles that stay, from one number of them to another. */
  residents(from: number, to: number): readonly number[] {
    return this.#row.slice(from, to);
  }
}

function spreadEvenly(order: readonly number[]): number[] {
  return order
    .map((index, i) => ({ index, key: ((i + 1) * goldenRatio) % 1 }))
    .sort((a, b) => a.key - b.key)
    .map(({ index }) => index);
}

/** What tiles would take if none had to stream; base tiles always stay and do not count. */
export function streamableBytes(specs: readonly TileSpec[]): number {
  return streamable(specs).reduce((sum, spec) => sum + slotBytes(spec), 0);
}

/** A window in which each thread has a tile at hand and one that is coming, and the loader a place to go on. */
export function leastWindowBytes(specs: readonly TileSpec[], teamSize: number): number {
  return largestSlots(specs, 2 * teamSize + 1);
}

/** Bytes of the largest tiles, so many of them. */
export function largestSlots(specs: readonly TileSpec[], count: number): number {
  return streamable(specs)
    .map(slotBytes)
    .sort((a, b) => b - a)
    .slice(0, count)
    .reduce((sum, bytes) => sum + bytes, 0);
}

function streamable(specs: readonly TileSpec[]): readonly TileSpec[] {
  return specs.filter(({ kind }) => kind !== 'base');
}
