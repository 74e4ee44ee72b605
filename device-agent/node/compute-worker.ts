import { workerData } from 'node:worker_threads';
import { type FollowerJob, followRank } from '../rank-host.ts';
import { startKernels } from './kernel-files.ts';

/** What `new Worker` of this file is given. */
export interface ComputeWorkerData {
  readonly job: FollowerJob;
  readonly index: number;
}

/** Entry point of a worker thread that computes a part of its rank's tiles. */
const { job, index } = workerData as ComputeWorkerData;
followRank(job, index, startKernels);
