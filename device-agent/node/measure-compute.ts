import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import type { DeviceRates } from '../../runtime/protocol/probe-messages.ts';
import { type ProbeJob, probeJob } from '../probe/compute-probe.ts';
import { probedBytes } from '../probe/measure.ts';
import { workerFile } from './compute-threads.ts';
import { startKernels } from './kernel-files.ts';
import type { ProbeWorkerData } from './probe-worker.ts';
import type { TileRoomOptions } from './tile-room.ts';

/**
 * Of weights that threads read through: touched in a tenth of a second, and more than what a server's cache keeps of them,
 * which held half of 48 MB here.
 */
export const mostBytes = 128 << 20;
/** For a thread; less would be measured in its cache. */
const leastBytes = 1 << 20;

export interface MeasureComputeOptions extends Pick<ProbeJob, 'formats' | 'kvFormat' | 'threads'> {
  /** Of what ranks may have. */
  readonly freeBytes: number;
  /** The disk to measure too, if any. */
  readonly cache?: TileRoomOptions;
}

/**
 * How fast this machine computes in so many threads, which live for less than a second.
 * @param signal ends them at once
 * @throws HearthError KERNEL_UNAVAILABLE, MEMORY_EXHAUSTED, or what a thread died of; why the signal was aborted
 */
export async function measureCompute(
  { freeBytes, cache, ...options }: MeasureComputeOptions,
  signal?: AbortSignal,
): Promise<DeviceRates> {
  signal?.throwIfAborted();
  const weightBytes = Math.max(options.threads * leastBytes, probedBytes(freeBytes, mostBytes));
  const job = probeJob({ ...options, weightBytes }, startKernels);
  const file = workerFile('probe-worker');
  const workers = Array.from({ length: job.threads }, (_, index) => {
    return new Worker(file, { workerData: { job, index, cache } satisfies ProbeWorkerData });
  });
  try {
    const answers = workers.map((worker) => once(worker, 'message', signal ? { signal } : {}));
    const [[rates]] = (await Promise.all(answers)) as [[DeviceRates], ...unknown[]];
    return rates;
  } finally {
    await Promise.all(workers.map((worker) => worker.terminate()));
  }
}
