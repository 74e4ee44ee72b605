import { Worker } from 'node:worker_threads';
import type { Logger } from '../logger.ts';
import { type LoaderJob, streamedBytes } from '../window-host.ts';
import { availableMemory } from './available-memory.ts';
import { workerFile } from './compute-threads.ts';
import type { LoaderWorkerData } from './loader-worker.ts';
import type { TileRoomOptions } from './tile-room.ts';

/**
 * Copies of files in memory are worth having only where all of them fit, with as much to spare: read in a round, each
 * would else be gone just before it is needed again, at several times the cost of reading past them.
 */
const roomForCopies = 2;

/** Starts a thread that reads ahead the tiles that a stage has no room for. It ends when the stage's window is stopped. */
export function startLoader(job: LoaderJob, cache: TileRoomOptions, logger: Logger): void {
  const direct = availableMemory() < roomForCopies * streamedBytes(job);
  const workerData: LoaderWorkerData = { job, cache, direct };
  const worker = new Worker(workerFile('loader-worker'), {
    workerData,
    resourceLimits: { maxYoungGenerationSizeMb: 1 },
  });
  worker.on('error', (error) => logger.error({ error }, 'weights can no longer be read from the disk'));
  // It waits for steps, which must not keep the process alive.
  worker.unref();
}
