import { parentPort, workerData } from 'node:worker_threads';
import { type FollowerJob, followRank } from '../rank-host.ts';
import { startKernels } from './kernel-files.ts';
import { openModelHere } from './model-here.ts';

/** What `new Worker` of this file is given. */
export interface ComputeWorkerData {
  readonly job: FollowerJob;
  readonly index: number;
}

/** What it tells its leader's thread: a tile that it has loaded, or that it is ready for steps. */
export type ComputeWorkerMessage = { readonly loadedTileId: number } | 'ready';

const tell = (message: ComputeWorkerMessage) => parentPort!.postMessage(message);

/** Entry point of a worker thread that computes a part of its rank's tiles. */
const { job, index } = workerData as ComputeWorkerData;
await followRank(job, index, {
  startKernels,
  openModel: openModelHere,
  onLoaded: (loadedTileId) => tell({ loadedTileId }),
  onReady: () => tell('ready'),
});
