import { HearthError } from '../runtime/error.ts';
import type { Prepare } from '../runtime/protocol/messages.ts';
import type { Tile } from '../runtime/protocol/tile-frame.ts';
import { hashName, unknownHash } from '../runtime/tile/tile-hash.ts';
import type { LoadReport } from './create-rank.ts';
import type { TileCache } from './tile-cache.ts';
import {
  checkTile,
  isHere,
  type RankTile,
  sourcesFor,
  type TileSources,
  tilesToGet,
} from './tile-sources.ts';

/** Tiles of a rank that a device may soon be: they go to its disk, while the rank that it is goes on. */
export class TilePreparation {
  readonly configurationId: number;
  readonly #cache: TileCache | undefined;
  readonly #report: LoadReport;
  readonly #tiles: ReadonlyMap<number, RankTile>;
  readonly #missing: Set<number>;

  /**
   * @param report is told at once which tiles must be sent
   * @throws HearthError CACHE_WRITE_FAILED if some must be, and this device keeps none
   */
  constructor(prepare: Prepare, sources: TileSources | undefined, report: LoadReport) {
    this.configurationId = prepare.configurationId;
    this.#cache = sources?.cache;
    this.#report = report;
    const tiles = tilesToGet(prepare);
    const own = sources && sourcesFor(sources, prepare.description);
    const missing = own ? tiles.filter((tile) => !isHere(tile, own)) : tiles;
    if (missing.length > 0 && !this.#cache)
      throw new HearthError('CACHE_WRITE_FAILED', 'this device keeps no tiles beyond its rank');
    this.#tiles = new Map(tiles.map((tile) => [tile.spec.id, tile]));
    this.#missing = new Set(missing.map(({ spec }) => spec.id));
    report.wanted([...this.#missing]);
  }

  get isDone(): boolean {
    return this.#missing.size === 0;
  }

  /** @throws HearthError PROTOCOL_UNEXPECTED_MESSAGE, TILE_CORRUPT, CACHE_WRITE_FAILED */
  keep(tile: Tile): void {
    const { id, hash, bytes } = tile;
    checkTile(tile, this.#tiles.get(id)?.spec);
    // One that came already was sent again, since the link broke on which it had come.
    if (!this.#missing.has(id)) return;
    this.#cache!.store(hashName(hash), bytes);
    this.#missing.delete(id);
    this.#report.loaded(id, unknownHash);
  }
}
