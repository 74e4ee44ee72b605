import type { RankHost, RankSetup } from '../../device-agent/create-rank.ts';
import type { TileSources } from '../../device-agent/tile-sources.ts';
import type { RankOptions } from '../../runtime/decoder/rank-options.ts';
import type { ModelDescription } from '../../runtime/model/description.ts';
import type { Assignment } from '../../runtime/plan/plan.ts';
import { portableSha256 } from '../../runtime/protocol/tile-frame.ts';
import { tileHashBytes } from '../../runtime/tile/tile-hash.ts';
import { hashedTile } from './hashed-tile.ts';

/** Of a device that must be sent all its tiles. */
export const noSources: TileSources = { cache: undefined, model: undefined, sha256: portableSha256 };

/** What a device is told to be, if nobody knows a tile's hash. */
export function rankSetup(
  description: ModelDescription,
  assignment: Assignment,
  options: RankOptions,
  profile = false,
): RankSetup {
  const tileHashes = new Uint8Array(assignment.tileIds.length * tileHashBytes);
  return { description, assignment, options, tileHashes, profile, copiesKv: false };
}

/** Sends a rank what it wants. @returns the ids of the tiles that it wanted, and of all that it loaded */
export async function loadRank(host: RankHost, tiles: readonly Uint8Array[]) {
  const wanted: number[] = [];
  const loaded: number[] = [];
  await host.load({
    wanted: (tileIds) => {
      wanted.push(...tileIds);
      // As over a link: never within the call that asked.
      queueMicrotask(() => {
        for (const id of tileIds) host.deliver(hashedTile(id, tiles[id]!));
      });
    },
    loaded: (tileId) => loaded.push(tileId),
  });
  return { wanted, loaded };
}
