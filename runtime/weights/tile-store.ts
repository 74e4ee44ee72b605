import { assert, HearthError } from '../error.ts';
import type { Arena } from '../kernels/arena.ts';
import type { TensorRole } from '../model/architecture.ts';
import { shareOf, type Team } from '../threads/team.ts';
import type { TileKind, TileSection, TileSpec } from '../tile/spec.ts';

/** Where a tile's part lies in the rank's memory. */
export interface PlacedSection extends TileSection {
  readonly pointer: number;
}

export interface PlacedTile {
  readonly spec: TileSpec;
  /** The tile's sections by role; for the base tile, which has a role once a layer, see `vector`. */
  readonly sections: ReadonlyMap<TensorRole, PlacedSection>;
}

/** The tiles that one rank holds, each in a slot of WebAssembly memory. */
export class TileStore {
  readonly #arena: Arena;
  readonly #specs: ReadonlyMap<number, TileSpec>;
  readonly #pointers = new Map<number, number>();
  readonly #missing: Set<number>;
  readonly #groups = new Map<string, PlacedTile[]>();

  readonly #team: Team;

  constructor(arena: Arena, specs: readonly TileSpec[], team: Team) {
    this.#arena = arena;
    this.#team = team;
    this.#specs = new Map(specs.map((spec) => [spec.id, spec]));
    this.#missing = new Set(this.#specs.keys());
    for (const spec of specs) {
      const pointer = arena.alloc(spec.byteLength);
      this.#pointers.set(spec.id, pointer);
      const key = `${spec.kind} ${spec.layer}`;
      const group = this.#groups.get(key) ?? [];
      group.push({ spec, sections: place(spec, pointer) });
      this.#groups.set(key, group);
    }
  }

  get missingIds(): readonly number[] {
    return [...this.#missing];
  }

  /** @throws HearthError TILE_CORRUPT if the bytes cannot be this tile's */
  load(id: number, bytes: Uint8Array): void {
    const spec = this.#specs.get(id);
    if (spec?.byteLength !== bytes.length) {
      throw new HearthError(
        'TILE_CORRUPT',
        `tile ${id} came with ${bytes.length} bytes, expected ${spec?.byteLength}`,
        {
          tile: id,
          bytes: bytes.length,
        },
      );
    }
    this.slot(id).set(bytes);
    this.loaded(id);
  }

  /** A tile's place in memory; whoever fills it says so with `loaded`. */
  slot(id: number): Uint8Array {
    const spec = this.#specs.get(id);
    assert(spec !== undefined, `tile ${id} is this rank's`);
    return this.#arena.u8(this.#pointers.get(id)!, spec.byteLength);
  }

  loaded(id: number): void {
    this.#missing.delete(id);
  }

  /** This rank's tiles of one kind and layer, in order; often fewer than the layer has. */
  tiles(kind: TileKind, layer = -1): readonly PlacedTile[] {
    return this.#groups.get(`${kind} ${layer}`) ?? [];
  }

  /** Those of them that this thread computes: a run of neighbours. */
  ownTiles(kind: TileKind, layer = -1): readonly PlacedTile[] {
    const tiles = this.tiles(kind, layer);
    return tiles.slice(...shareOf(this.#team, tiles.length));
  }

  /** Address of a vector of the base tile. */
  baseVector(role: TensorRole, layer = -1): number {
    const base = this.tiles('base')[0];
    const section = base?.spec.sections.find((part) => part.role === role && part.layer === layer);
    assert(base !== undefined && section !== undefined, `the base tile holds ${role} of layer ${layer}`);
    return this.#pointers.get(base.spec.id)! + section.byteOffset;
  }
}

function place(spec: TileSpec, pointer: number): Map<TensorRole, PlacedSection> {
  return new Map(spec.sections.map((part) => [part.role, { ...part, pointer: pointer + part.byteOffset }]));
}
