import type { CreateRank } from '../../device-agent/create-rank.ts';
import { assert, HearthError } from '../../runtime/error.ts';
import type { Tile } from '../../runtime/protocol/tile-frame.ts';
import { tileSpecs } from '../../runtime/tile/spec.ts';
import { hashAt, hashName, unknownHash } from '../../runtime/tile/tile-hash.ts';
import { type FakeFaults, FakeRank } from './fake-computation.ts';

/** Different numbers, so that none can pass for another. */
export const fakeMemory = {
  budgetBytes: 1e6,
  residentBytes: 2e5,
  windowBytes: 3e4,
  coldBytes: 5e5,
  otherBytes: 4e3,
  keptTiles: 5,
  gpuTiles: 3,
  streamedBytes: 6e7,
  records: 900,
  recordBytes: 8e6,
  readMs: 70.5,
  waitMs: 8.25,
};

export function fakeRanks(faults: FakeFaults = {}): CreateRank {
  return ({ description, assignment, options, tileHashes }) => {
    if (assignment.tileIds.length > (faults.maxTiles ?? Number.POSITIVE_INFINITY))
      throw new HearthError('MEMORY_EXHAUSTED', 'too many tiles for this fake', { bytes: 1 });
    const rank = new FakeRank(description, assignment, options, faults);
    let delivered = (_: Tile): void => {};
    return {
      rank,
      load: ({ wanted, loaded }) =>
        new Promise((resolve) => {
          const hashOf = (id: number) => hashAt(tileHashes, assignment.tileIds.indexOf(id));
          const lengthOf = (id: number) => tileSpecs(description)[id]!.byteLength;
          const here = assignment.tileIds.filter((id) =>
            faults.cache?.has(hashName(hashOf(id)), lengthOf(id)),
          );
          const finish = (): void => {
            if (rank.missingTileIds.length === 0) resolve();
          };
          delivered = (tile) => {
            if (rank.holds(tile.id)) return;
            if (!rank.missingTileIds.includes(tile.id))
              throw new HearthError('PROTOCOL_UNEXPECTED_MESSAGE', 'a tile that is not wanted');
            rank.loadTile(tile.id, tile.bytes);
            faults.cache?.store(hashName(tile.hash), tile.bytes);
            loaded(tile.id, unknownHash);
            finish();
          };
          wanted(assignment.tileIds.filter((id) => !here.includes(id)));
          for (const id of here) {
            const bytes = new Uint8Array(lengthOf(id));
            assert(faults.cache!.load(hashName(hashOf(id)), bytes) === true, 'what is kept can be loaded');
            rank.loadTile(id, bytes);
            loaded(id, hashOf(id));
          }
          finish();
        }),
      deliver: (tile) => delivered(tile),
      memory: () => fakeMemory,
      close: () => {},
    };
  };
}
