import type { Rank } from '../runtime/decoder/rank.ts';
import { HearthError } from '../runtime/error.ts';
import { type ModelDescription, sameDescription } from '../runtime/model/description.ts';
import type { TileModel } from '../runtime/model/tile-model.ts';
import type { TileSetup } from '../runtime/protocol/messages.ts';
import type { Sha256, Tile } from '../runtime/protocol/tile-frame.ts';
import { shareOf, type Team } from '../runtime/threads/team.ts';
import { tileGroups } from '../runtime/tile/groups.ts';
import { type TileSpec, tileSpecs } from '../runtime/tile/spec.ts';
import { hashAt, hashName, isKnown } from '../runtime/tile/tile-hash.ts';
import type { TileCache } from './tile-cache.ts';

/** A tile that a rank must get. */
export interface RankTile {
  readonly spec: TileSpec;
  /** Zeros if nobody knows it. */
  readonly hash: Uint8Array;
}

/** Where a device finds tiles by itself. */
export interface TileSources {
  /** Those that it kept. */
  readonly cache: TileCache | undefined;
  /** The model, where the device has it. */
  readonly model: TileModel | undefined;
  readonly sha256: Sha256;
}

/** The tiles of a rank. */
export function tilesToGet(setup: Pick<TileSetup, 'description' | 'assignment' | 'tileHashes'>): RankTile[] {
  const specs = tileSpecs(setup.description);
  return setup.assignment.tileIds.map((id, i) => ({ spec: specs[id]!, hash: hashAt(setup.tileHashes, i) }));
}

/** Those that serve for a rank of a model, which may be another than the one that is here. */
export function sourcesFor(sources: TileSources, description: ModelDescription): TileSources {
  const isSame = sources.model && sameDescription(sources.model.description, description);
  return { ...sources, model: isSame ? sources.model : undefined };
}

/**
 * Checks a tile that was sent.
 * @param spec of the tile with its id, if that was wanted
 * @throws HearthError PROTOCOL_UNEXPECTED_MESSAGE, TILE_CORRUPT
 */
export function checkTile({ id, bytes }: Tile, spec: TileSpec | undefined): asserts spec is TileSpec {
  if (!spec) throw new HearthError('PROTOCOL_UNEXPECTED_MESSAGE', `tile ${id} came though it was not wanted`);
  if (bytes.length === spec.byteLength) return;
  const message = `tile ${id} came with ${bytes.length} bytes, expected ${spec.byteLength}`;
  throw new HearthError('TILE_CORRUPT', message, { tile: id, bytes: bytes.length });
}

/** Told of each tile that a thread has dealt with. */
export interface LoadEvents {
  /**
   * It is in its place, or where it streams from.
   * @param hash zeros if nobody has computed it
   * @param kept whether this device had kept it
   */
  loaded(tileId: number, hash: Uint8Array, kept: boolean): void;
  /** It must be sent. */
  missing(tileId: number): void;
}

export type TilePlaces = Pick<Rank, 'tileSlot' | 'tileLoaded' | 'mayStream'>;

/** Whether a device need not be sent a tile, unless it turns out to be damaged. */
export function isHere({ spec, hash }: RankTile, { cache, model }: TileSources): boolean {
  return model !== undefined || (isKnown(hash) && cache?.has(hashName(hash), spec.byteLength) === true);
}

/**
 * Loads a thread's share of the tiles that are here: neighbours of each group, since they are parts of the same tensors.
 * Threads go through the groups side by side, so that tiles are kept about in the order in which they will stream: a
 * disk reads fastest what was written in a row.
 */
export async function loadShare(
  tiles: readonly RankTile[],
  team: Team,
  places: TilePlaces,
  sources: TileSources,
  events: LoadEvents,
  isClosed: () => boolean,
): Promise<void> {
  const groups = tileGroups(tiles.map(({ spec }) => spec));
  const share = groups.flatMap((group) => group.slice(...shareOf(team, group.length)).map((i) => tiles[i]!));
  const streamed = share.filter(({ spec }) => !places.tileSlot(spec.id));
  // One piece of memory for all that only pass through.
  const scratch = new Uint8Array(Math.max(0, ...streamed.map(({ spec }) => spec.byteLength)));
  for (const tile of share) {
    if (isClosed()) return;
    const { id, byteLength } = tile.spec;
    const target = places.tileSlot(id) ?? scratch.subarray(0, byteLength);
    await load(tile, target, places.mayStream(id), sources, events);
  }
}

/** @param mayStream so that it must be kept, whether it stays at `target` for now or only passes through */
async function load(
  { spec, hash }: RankTile,
  target: Uint8Array,
  mayStream: boolean,
  { cache, model, sha256 }: TileSources,
  { loaded, missing }: LoadEvents,
): Promise<void> {
  // Cutting is as fast as reading and verifying, and is done where no hash is known and nothing is kept.
  if (model && !mayStream) {
    await model.cutTile(spec, target);
    loaded(spec.id, hash, false);
  } else if (isKnown(hash) && (await cache?.load(hashName(hash), target))) {
    loaded(spec.id, hash, true);
  } else if (model && cache) {
    await model.cutTile(spec, target.fill(0));
    const cutHash = sha256(target);
    cache.store(hashName(cutHash), target);
    loaded(spec.id, cutHash, false);
  } else {
    missing(spec.id);
  }
}
