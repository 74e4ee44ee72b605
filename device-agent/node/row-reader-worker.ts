import { workerData } from 'node:worker_threads';
import { type RowReaderJob, runRowReader } from '../row-read-host.ts';
import { FolderTileCache } from './folder-tile-cache.ts';
import type { TileRoomOptions } from './tile-room.ts';

/** What `new Worker` of this file is given. */
export interface RowReaderWorkerData {
  readonly job: RowReaderJob;
  readonly index: number;
  readonly cache: TileRoomOptions;
}

/** Entry point of a worker thread that reads records of neurons that fire seldom. */
const { job, index, cache } = workerData as RowReaderWorkerData;
runRowReader(job, index, new FolderTileCache(cache));
