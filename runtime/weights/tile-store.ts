import { assert, HearthError } from '../error.ts';
import type { Arena } from '../kernels/arena.ts';
import type { TensorRole } from '../model/architecture.ts';
import { shareOf, type Team } from '../threads/team.ts';
import { tileGroups } from '../tile/groups.ts';
import type { TileKind, TileSpec } from '../tile/spec.ts';
import { ColdTiles, type RowReading } from './cold-tiles.ts';
import { type PlacedSection, PlacedTile } from './placed-tile.ts';
import { leastWindowBytes, Residency, tileAlignment } from './residency.ts';
import { type Window, WindowReader } from './window-reader.ts';

/** For a rank that holds a part of its tiles in memory, and streams the others through a window. */
export interface Streaming {
  /** Bytes for tiles, the base tile apart: those that stay and the window. */
  readonly weightBytes: number;
  /** What a read costs, see `Residency`; absent where records cannot be read. */
  readonly seekBytes?: number | undefined;
  /** Without it the rank is only laid out. */
  readonly window: Window | undefined;
  /** Where records are read. */
  readonly rows?: RowReading | undefined;
}

/** The tiles of one rank, each in its place in WebAssembly memory or on the way there. */
export class TileStore {
  readonly specs: readonly TileSpec[];
  readonly residency: Residency | undefined;
  /** Address of the memory that the residency divides. */
  readonly region: number = 0;
  /** Tiles that stay in memory to begin with, where others stream. */
  readonly residents: number = 0;
  readonly #arena: Arena;
  readonly #team: Team;
  readonly #tiles: readonly PlacedTile[];
  readonly #byId: ReadonlyMap<number, PlacedTile>;
  readonly #groups = new Map<string, PlacedTile[]>();
  /** Where tiles are that stay, by index. */
  readonly #addresses: readonly (number | undefined)[];
  readonly #missing: Set<number>;
  /** Address of an int32 that all threads see: of the layer that is computed so many FFN tiles are lent. */
  readonly #lent: number;
  readonly #window: WindowReader | undefined;
  /** Those whose records are read when they are wanted. */
  readonly cold: ColdTiles | undefined;

  /** @throws HearthError MEMORY_EXHAUSTED */
  constructor(arena: Arena, specs: readonly TileSpec[], team: Team, streaming?: Streaming) {
    this.specs = specs;
    this.#arena = arena;
    this.#team = team;
    this.#tiles = specs.map((spec, index) => new PlacedTile(index, spec));
    this.#byId = new Map(this.#tiles.map((tile) => [tile.spec.id, tile]));
    this.#missing = new Set(this.#byId.keys());
    for (const group of tileGroups(specs)) {
      const { kind, layer } = specs[group[0]!]!;
      this.#groups.set(
        `${kind} ${layer}`,
        group.map((index) => this.#tiles[index]!),
      );
    }
    if (streaming) {
      const { weightBytes, seekBytes, window, rows } = streaming;
      this.residency = new Residency(specs, team.size, weightBytes, seekBytes);
      this.region = arena.alloc(weightBytes, tileAlignment);
      this.residents = this.residency.mostResidents(leastWindowBytes(specs, team.size));
      this.#window = window && new WindowReader(window, this.residency, this.residents, team);
      const { recordRingBytes } = this.residency;
      const begin = this.region + team.index * recordRingBytes;
      const ring = { begin, end: begin + recordRingBytes, seekBytes: seekBytes ?? 0 };
      this.cold = rows && recordRingBytes > 0 ? new ColdTiles(rows, ring, team) : undefined;
    }
    if (!streaming) arena.reserve(specs.reduce((sum, { byteLength }) => sum + byteLength, 0));
    this.#addresses = this.#tiles.map((tile) => this.#place(tile));
    this.#lent = arena.alloc(4);
  }

  /** A tile's address, if it stays. */
  #place({ index, spec }: PlacedTile): number | undefined {
    if (!this.residency || spec.kind === 'base') return this.#arena.alloc(spec.byteLength);
    const stays = this.residency.isResident(index, this.residents) && !this.residency.cold.has(index);
    return stays ? this.region + this.residency.offset(index) : undefined;
  }

  isCold({ index }: PlacedTile): boolean {
    return this.residency?.cold.has(index) ?? false;
  }

  /** Ids of tiles that have not been loaded yet; of one that streams, that is to be where it streams from. */
  get missingIds(): readonly number[] {
    return [...this.#missing];
  }

  /** @throws HearthError TILE_CORRUPT if the bytes cannot be this tile's */
  load(id: number, bytes: Uint8Array): void {
    const spec = this.#byId.get(id)?.spec;
    if (spec?.byteLength !== bytes.length) {
      throw new HearthError(
        'TILE_CORRUPT',
        `tile ${id} came with ${bytes.length} bytes, expected ${spec?.byteLength}`,
        { tile: id, bytes: bytes.length },
      );
    }
    this.slot(id)?.set(bytes);
    this.loaded(id);
  }

  /** The place of a tile that stays in memory; whoever fills it says so with `loaded`. */
  slot(id: number): Uint8Array | undefined {
    const tile = this.#byId.get(id);
    assert(tile !== undefined, "a tile of this rank's", id);
    const address = this.#addresses[tile.index];
    return address === undefined ? undefined : this.#arena.u8(address, tile.spec.byteLength);
  }

  /** Whether a tile may have to be read again, now or when the window has been made larger. */
  mayStream(id: number): boolean {
    return this.residency !== undefined && this.#byId.get(id)?.spec.kind !== 'base';
  }

  loaded(id: number): void {
    this.#missing.delete(id);
  }

  /** This rank's tiles of one kind and layer, in order; often fewer than the layer has. */
  tiles(kind: TileKind, layer = -1): readonly PlacedTile[] {
    return this.#groups.get(`${kind} ${layer}`) ?? [];
  }

  /**
   * The leader, before a barrier: of a layer's FFN tiles the first `count`, those whose neurons fire most where they
   * are in that order, are another's to compute. Not where tiles stream.
   */
  lend(count: number): void {
    assert(this.residency === undefined, 'tiles that stay');
    this.#arena.i32(this.#lent, 1)[0] = count;
  }

  /** Those that are lent, in their places. */
  lentTiles(layer: number): readonly PlacedTile[] {
    const tiles = this.tiles('ffn', layer).slice(0, this.#arena.i32(this.#lent, 1)[0]);
    for (const tile of tiles) tile.moveTo(this.#addresses[tile.index]!);
    return tiles;
  }

  /** Those of a layer that this thread computes, a run of neighbours that are not lent, each while it is in memory. */
  eachOwn(kind: TileKind, layer: number, compute: (tile: PlacedTile) => void): void {
    const all = this.tiles(kind, layer);
    const tiles = kind === 'ffn' ? all.slice(this.#arena.i32(this.#lent, 1)[0]) : all;
    const [first, end] = shareOf(this.#team, tiles.length);
    for (let i = first; i < end; i += 1) {
      const tile = tiles[i]!;
      if (this.#window) this.#window.take(tile);
      else tile.moveTo(this.#addresses[tile.index]!);
      compute(tile);
      this.#window?.release(tile);
    }
  }

  /** The leader opens a step, in which the vocabulary tiles are used so many times. */
  begin(tokens: number, headRounds: number): void {
    this.#window?.begin(tokens, headRounds);
  }

  /** The leader has given up a step in its middle. */
  abandon(): void {
    this.#window?.abandon();
  }

  /** Bytes of tiles that are in memory to stay. */
  get residentBytes(): number {
    const { residency } = this;
    const residents = this.#window?.residents ?? 0;
    const stays = ({ index, spec }: PlacedTile) =>
      !residency || spec.kind === 'base' || residency.isResident(index, residents);
    return this.#tiles
      .filter(stays)
      .reduce(
        (sum, tile) => sum + (this.isCold(tile) ? residency!.passingBytes(tile.index) : tile.spec.byteLength),
        0,
      );
  }

  /** Bytes of records that are not in memory but while they are used. */
  get coldBytes(): number {
    return this.#tiles
      .filter((tile) => this.isCold(tile))
      .reduce((sum, { spec }) => sum + spec.byteLength - spec.records!.byteOffset, 0);
  }

  /** Bytes through which the others pass, and records. */
  get windowBytes(): number {
    if (!this.residency || !this.#window) return 0;
    const { byteLength, recordRingBytes } = this.residency;
    const ringBytes = byteLength - this.residency.ringOffset(this.#window.residents);
    return ringBytes + this.#team.size * recordRingBytes;
  }

  /** A part of the base tile. */
  baseSection(role: TensorRole, layer = -1): PlacedSection {
    const base = this.tiles('base')[0];
    const section = base?.spec.sections.find((part) => part.role === role && part.layer === layer);
    assert(base !== undefined && section !== undefined, 'a section that the base tile holds', role, layer);
    return { ...section, pointer: this.#addresses[base.index]! + section.byteOffset, stride: 0 };
  }
}
