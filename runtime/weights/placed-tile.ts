import type { TensorRole } from '../model/architecture.ts';
import type { TileSection, TileSpec } from '../tile/spec.ts';

/** A tile's part, and where it lies in the rank's memory while the tile is in use. */
export interface PlacedSection extends TileSection {
  pointer: number;
}

/** A tile as one thread sees it. */
export class PlacedTile {
  /** Among the rank's tiles. */
  readonly index: number;
  readonly spec: TileSpec;
  /** By role; for the base tile, which has a role once a layer, see `TileStore.baseSection`. */
  readonly sections: ReadonlyMap<TensorRole, PlacedSection>;

  constructor(index: number, spec: TileSpec) {
    this.index = index;
    this.spec = spec;
    this.sections = new Map(spec.sections.map((part) => [part.role, { ...part, pointer: 0 }]));
  }

  moveTo(address: number): void {
    for (const section of this.sections.values()) section.pointer = address + section.byteOffset;
  }
}
