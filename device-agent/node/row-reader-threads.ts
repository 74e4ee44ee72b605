import { Worker } from 'node:worker_threads';
import { rowReaderThreads } from '../../runtime/weights/row-reads.ts';
import type { RowReaderJob } from '../row-read-host.ts';
import { workerFile } from './compute-threads.ts';
import type { RowReaderWorkerData } from './row-reader-worker.ts';
import type { TileRoomOptions } from './tile-room.ts';

/**
 * Starts threads that read records of neurons by themselves; they end when readers are stopped.
 * @param failed is told what a thread died of
 */
export function startRowReaders(
  job: RowReaderJob,
  cache: TileRoomOptions,
  failed: (error: unknown) => void,
): void {
  for (let index = 0; index < rowReaderThreads; index += 1) {
    const workerData: RowReaderWorkerData = { job, index, cache };
    const worker = new Worker(workerFile('row-reader-worker'), {
      workerData,
      resourceLimits: { maxYoungGenerationSizeMb: 1 },
    });
    worker.on('error', failed);
    // It waits for steps, which must not keep the process alive.
    worker.unref();
  }
}
