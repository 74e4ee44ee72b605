import { HearthError } from '../runtime/error.ts';
import type { Prepare } from '../runtime/protocol/messages.ts';
import type { Tile } from '../runtime/protocol/tile-frame.ts';
import { hashName, isKnown, unknownHash } from '../runtime/tile/tile-hash.ts';
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
   * @param own the tiles of the rank that this device is
   * @param report is told at once which tiles must be sent
   * @throws HearthError CACHE_WRITE_FAILED if some must be, and this device keeps none, or not so many beside its own
   */
  constructor(
    prepare: Prepare,
    own: readonly RankTile[],
    sources: TileSources | undefined,
    report: LoadReport,
  ) {
    this.configurationId = prepare.configurationId;
    this.#cache = sources?.cache;
    this.#report = report;
    const tiles = tilesToGet(prepare);
    const usable = sources && sourcesFor(sources, prepare.description);
    const missing = usable ? tiles.filter((tile) => !isHere(tile, usable)) : tiles;
    if (missing.length > 0) makeRoom(this.#cache, own, tiles);
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

/** Of what is forgotten for tiles that are only prepared nothing is to be of the rank that this device is. */
function makeRoom(cache: TileCache | undefined, own: readonly RankTile[], tiles: readonly RankTile[]): void {
  if (!cache) throw new HearthError('CACHE_WRITE_FAILED', 'this device keeps no tiles beyond its rank');
  const all = new Map([...own, ...tiles].map(({ spec }) => [spec.id, spec.byteLength]));
  const bytes = [...all.values()].reduce((sum, byteLength) => sum + byteLength, 0);
  const { capacityBytes } = cache;
  if (bytes > capacityBytes)
    throw new HearthError(
      'CACHE_WRITE_FAILED',
      `what this device is and is to be takes ${bytes} bytes, and it keeps ${capacityBytes}`,
      { bytes, capacityBytes },
    );
  // What was used last is kept longest.
  for (const { spec, hash } of own) if (isKnown(hash)) cache.has(hashName(hash), spec.byteLength);
}
