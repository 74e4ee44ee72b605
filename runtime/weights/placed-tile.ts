import type { TensorRole } from '../model/architecture.ts';
import type { TileSection, TileSpec } from '../tile/spec.ts';

/** A tile's part, and where it lies in the rank's memory while the tile is in use. */
export interface PlacedSection extends TileSection {
  pointer: number;
  /** Of one that is laid out row by row: bytes from a row to the one with the next number. */
  stride: number;
}

/** Records that lie anywhere are numbered by their address, in units of so many bytes. */
export const recordUnit = 64;

/** A tile as one thread sees it. */
export class PlacedTile {
  /** Among the rank's tiles. */
  readonly index: number;
  readonly spec: TileSpec;
  /** By role; for the base tile, which has a role once a layer, see `TileStore.baseSection`. */
  readonly sections: ReadonlyMap<TensorRole, PlacedSection>;
  #isScattered = false;

  constructor(index: number, spec: TileSpec) {
    this.index = index;
    this.spec = spec;
    this.sections = new Map(spec.sections.map((part) => [part.role, { ...part, pointer: 0, stride: 0 }]));
  }

  moveTo(address: number): void {
    for (const section of this.sections.values()) section.pointer = address + section.byteOffset;
    const { records } = this.spec;
    if (records) this.moveRecords(address + records.byteOffset);
  }

  /** All of its records are there, one behind the other. */
  moveRecords(address: number): void {
    this.#place(address, this.spec.records!.stride);
    this.#isScattered = false;
  }

  /** Some of its records are in memory, whose numbers are how many units they lie behind this address. */
  scatterRecords(address: number): void {
    this.#place(address, recordUnit);
    this.#isScattered = true;
  }

  /** Whether records have other numbers than their neurons. */
  get isScattered(): boolean {
    return this.#isScattered;
  }

  #place(address: number, stride: number): void {
    for (const section of this.sections.values()) {
      if (!section.byRow) continue;
      section.pointer = address + section.byteOffset - this.spec.records!.byteOffset;
      section.stride = stride;
    }
  }
}
