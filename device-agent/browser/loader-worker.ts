import type { TileHash } from '../tile-cache.ts';
import { type LoaderJob, runLoader } from '../window-host.ts';
import { openPrivateFile } from './pack-files.ts';
import type { PackedTile } from './pack-index.ts';
import { packedFile, packName } from './pack-tile-cache.ts';

/** What this worker is told. */
export interface LoaderWorkerData {
  readonly job: LoaderJob;
  /** Where its tiles lie in the pack, and stay as long as it runs. */
  readonly places: ReadonlyMap<TileHash, PackedTile>;
}

/** Entry point of a worker that reads ahead the tiles that do not stay in memory. It says when it has begun. */
self.onmessage = async ({ data: { job, places } }: MessageEvent<LoaderWorkerData>) => {
  const pack = await openPrivateFile(packName);
  postMessage('ready');
  const open = (hash: TileHash) => {
    const place = places.get(hash);
    return place && packedFile(pack, place);
  };
  try {
    runLoader(job, { open }, false, () => performance.now());
  } finally {
    pack.close();
    close();
  }
};
