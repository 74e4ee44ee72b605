import { assert } from '../error.ts';
import { placement } from '../plan/placement.ts';
import type { TileSpec } from '../tile/spec.ts';
import { blockBytes, expectedCost } from './record-runs.ts';
import { type UseOrder, useOrder } from './use-order.ts';

/** Tiles begin where a disk can be read straight into memory. */
export const tileAlignment = blockBytes;

/** Fractional parts of its multiples fill [0, 1) evenly, however many there are. */
const goldenRatio = 0.618033988749895;

/** Bytes that a tile takes where tiles stream. */
export function slotBytes({ byteLength }: TileSpec): number {
  return Math.ceil(byteLength / tileAlignment) * tileAlignment;
}

/** Neurons of so few bytes beside those of all of a tile are worth a read of their own: for it computing has to wait. */
const coldShare = 0.7;

/**
 * How a rank's tiles share a region of memory that cannot hold all of them: some stay, and the others pass through its end,
 * a ring. Of those only the number that stays can change; they are always the first of one row, in which any beginning is
 * spread evenly over a step and over its threads, so that a disk is asked for as much in any part of a step as in any
 * other.
 *
 * Where records can be read, tiles whose neurons fire seldom are cold: what they have for all tokens takes part in this as a
 * tile does, and their records are read when they are wanted, into a ring of each thread's. What room is left when all else
 * stays is for the records that save most: those tiles are hot, and stay as a whole.
 */
export class Residency {
  readonly order: UseOrder;
  readonly specs: readonly TileSpec[];
  /** Bytes of the region. */
  readonly byteLength: number;
  /** Of each thread, for records; the rings begin the region. */
  readonly recordRingBytes: number;
  /** Indexes of tiles whose records do not stay. */
  readonly cold: ReadonlySet<number>;
  /** Indexes of tiles, those that stay first; without hot ones. */
  readonly #row: readonly number[];
  /** Where in the region each of the row would stay; one more says where all end. */
  readonly #offsets: readonly number[];
  /** Index → place in the row. */
  readonly #places: ReadonlyMap<number, number>;
  /** Index → where in the region a hot one is. */
  readonly #hot = new Map<number, number>();

  /**
   * @param specs the rank's tiles, base tiles among them, which have no part in this
   * @param seekBytes what a read costs beside its bytes, in bytes that could be read on meanwhile; absent where records cannot
   *   be read
   */
  constructor(specs: readonly TileSpec[], teamSize: number, byteLength: number, seekBytes?: number) {
    this.specs = specs;
    this.byteLength = byteLength;
    this.order = useOrder(specs, teamSize);
    const cold = coldTiles(specs, seekBytes);
    this.recordRingBytes = largestRing(cold.map((index) => specs[index]!));
    const hot = this.#hottest(cold, teamSize, seekBytes ?? 0);
    this.cold = new Set(cold.filter((index) => !hot.includes(index)));
    let offset = teamSize * this.recordRingBytes;
    for (const index of hot) {
      this.#hot.set(index, offset);
      offset += slotBytes(specs[index]!);
    }
    const others = [...this.order.layers, ...this.order.vocabulary].filter((index) => !this.#hot.has(index));
    this.#row = spreadEvenly(others);
    this.#places = new Map(this.#row.map((index, place) => [index, place]));
    const offsets = [offset];
    for (const index of this.#row) offsets.push(offsets.at(-1)! + this.passingBytes(index));
    this.#offsets = offsets;
  }

  /** Those whose records are best kept, when everything stays that is read for every token. */
  #hottest(cold: readonly number[], teamSize: number, seekBytes: number): readonly number[] {
    const isCold = new Set(cold);
    const always = [...this.order.layers, ...this.order.vocabulary].reduce(
      (sum, index) =>
        sum + (isCold.has(index) ? headBytes(this.specs[index]!) : slotBytes(this.specs[index]!)),
      leastRingsBytes(this.specs, teamSize, seekBytes),
    );
    const items = cold.map((index) => {
      const spec = this.specs[index]!;
      const saved = expectedCost(spec, seekBytes);
      return { layer: spec.layer, bytes: slotBytes(spec) - headBytes(spec), saved };
    });
    const capacityBytes = this.byteLength - always;
    if (capacityBytes <= 0) return [];
    return placement(items, { capacityBytes, wholeLayer: seekBytes }).map((item) => cold[item]!);
  }

  /** Bytes of a tile that pass through the window, or stay in its place. */
  passingBytes(index: number): number {
    const spec = this.specs[index]!;
    return this.cold.has(index) ? headBytes(spec) : slotBytes(spec);
  }

  /** Most tiles that may stay if the ring is to have so many bytes. */
  mostResidents(ringBytes: number): number {
    let count = 0;
    while (count < this.#row.length && this.#offsets[count + 1]! + ringBytes <= this.byteLength) count += 1;
    return count;
  }

  isResident(index: number, residents: number): boolean {
    return this.#hot.has(index) || this.#places.get(index)! < residents;
  }

  /** Where in the region a tile is while it stays. */
  offset(index: number): number {
    return this.#hot.get(index) ?? this.#offsets[this.#places.get(index)!]!;
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

/** Bytes of what a tile has for all tokens, before its records. */
function headBytes({ records }: TileSpec): number {
  return Math.ceil(records!.byteOffset / tileAlignment) * tileAlignment;
}

/** Indexes of tiles of which few enough neurons fire. */
function coldTiles(specs: readonly TileSpec[], seekBytes: number | undefined): number[] {
  if (seekBytes === undefined) return [];
  return specs.flatMap((spec, index) => (isWorthReading(spec, seekBytes) ? [index] : []));
}

/** Whether so few of a tile's neurons fire that they had better be read by themselves. */
export function isWorthReading(spec: TileSpec, seekBytes: number): boolean {
  const { records, firing, count } = spec;
  if (!records || firing === undefined) return false;
  return expectedCost(spec, seekBytes) < coldShare * count * records.stride;
}

/** Room for the records of two tiles: one that is used and one that comes. A read begins and ends on a block. */
function largestRing(specs: readonly TileSpec[]): number {
  const bytes = specs.map(({ count, records }) => count * records!.stride + tileAlignment);
  return 2 * Math.ceil(Math.max(0, ...bytes) / tileAlignment) * tileAlignment;
}

/** The least with which a step goes on: a window, and rings for records. */
export function leastRingsBytes(specs: readonly TileSpec[], teamSize: number, seekBytes?: number): number {
  const cold = coldTiles(specs, seekBytes).map((index) => specs[index]!);
  return leastWindowBytes(specs, teamSize) + teamSize * largestRing(cold);
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
