import type { Tile } from '../runtime/protocol/tile-frame.ts';
import { hashName, unknownHash } from '../runtime/tile/tile-hash.ts';
import type { LoadReport } from './create-rank.ts';
import {
  checkTile,
  isHere,
  type LoadEvents,
  type RankTile,
  type TilePlaces,
  type TileSources,
} from './tile-sources.ts';

export interface TileLoadingOptions {
  readonly tiles: readonly RankTile[];
  /** Tiles that are in their places already, each with its hash. */
  readonly carried: ReadonlyMap<number, Uint8Array>;
  readonly sources: TileSources;
  readonly places: TilePlaces;
  readonly report: LoadReport;
  /** Told of the first tile that was sent and could not be kept: such must be sent again next time. */
  readonly onUnkept: (error: unknown) => void;
}

/** How a rank gets its tiles: its threads load what is here, the coordinator sends the rest. */
export class TileLoading {
  /** Settles when all are loaded. */
  readonly done: Promise<void>;
  /** For the threads to load. */
  readonly here: readonly RankTile[];
  /** For the threads to tell. */
  readonly events: LoadEvents;
  /** The hash of each tile that is loaded. */
  readonly hashes = new Map<number, Uint8Array>();
  /** Tiles that this device had. */
  keptTiles = 0;
  readonly #options: TileLoadingOptions;
  readonly #byId: ReadonlyMap<number, RankTile>;
  readonly #wanted: Set<number>;
  #keepsAll = true;
  #finish!: () => void;
  #fail!: (error: unknown) => void;

  constructor(options: TileLoadingOptions) {
    const { tiles, carried, sources, report } = options;
    this.#options = options;
    this.#byId = new Map(tiles.map((tile) => [tile.spec.id, tile]));
    this.done = new Promise((resolve, reject) => {
      this.#finish = resolve;
      this.#fail = reject;
    });
    const others = tiles.filter(({ spec }) => !carried.has(spec.id));
    this.here = others.filter((tile) => isHere(tile, sources));
    const here = new Set(this.here);
    const missing = others.filter((tile) => !here.has(tile)).map(({ spec }) => spec.id);
    this.#wanted = new Set(missing);
    this.events = {
      loaded: (tileId, hash, kept) => {
        if (kept) this.keptTiles += 1;
        this.#loaded(tileId, hash);
      },
      missing: (tileId) => {
        this.#wanted.add(tileId);
        report.wanted([tileId]);
      },
    };
    report.wanted(missing);
    for (const [tileId, hash] of carried) this.#loaded(tileId, hash);
  }

  /** @throws HearthError PROTOCOL_UNEXPECTED_MESSAGE, TILE_CORRUPT */
  deliver(tile: Tile): void {
    const { id, hash, bytes } = tile;
    // One that came already was sent again, since the link broke on which it had come.
    if (this.hashes.has(id)) return;
    checkTile(tile, this.#wanted.delete(id) ? this.#byId.get(id)?.spec : undefined);
    const { places, sources, onUnkept } = this.#options;
    places.tileSlot(id)?.set(bytes);
    try {
      sources.cache?.store(hashName(hash), bytes);
    } catch (error) {
      // What streams is read from where it is kept; what stays is only sent once more than it need be.
      if (places.mayStream(id)) {
        this.#fail(error);
        return;
      }
      if (this.#keepsAll) onUnkept(error);
      this.#keepsAll = false;
    }
    // The coordinator knows what it sent.
    this.#loaded(id, hash, unknownHash);
  }

  #loaded(tileId: number, hash: Uint8Array, reported = hash): void {
    this.#options.places.tileLoaded(tileId);
    // A copy: the hash may be a view of the frame in which the tile came.
    this.hashes.set(tileId, Uint8Array.from(hash));
    this.#options.report.loaded(tileId, reported);
    if (this.hashes.size === this.#byId.size) this.#finish();
  }
}
