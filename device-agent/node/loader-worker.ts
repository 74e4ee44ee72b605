import { workerData } from 'node:worker_threads';
import { type LoaderJob, runLoader } from '../window-host.ts';
import { FolderTileCache } from './folder-tile-cache.ts';
import type { TileRoomOptions } from './tile-room.ts';

/** What `new Worker` of this file is given. */
export interface LoaderWorkerData {
  readonly job: LoaderJob;
  readonly cache: TileRoomOptions;
  readonly direct: boolean;
}

/** Entry point of a worker thread that reads ahead the tiles that do not stay in memory. */
const { job, cache, direct } = workerData as LoaderWorkerData;
runLoader(job, new FolderTileCache(cache), direct, () => performance.now());
