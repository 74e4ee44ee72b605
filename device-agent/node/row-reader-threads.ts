import { Worker } from 'node:worker_threads';
import type { Logger } from '../logger.ts';
import type { RowReaders } from '../rank-tools.ts';
import { workerFile } from './compute-threads.ts';
import { threadBytes } from './memory-budget.ts';
import { likelySeekBytes, measureSeek } from './measure-seek.ts';
import type { RowReaderWorkerData } from './row-reader-worker.ts';
import type { TileRoomOptions } from './tile-room.ts';

/** Reads that are under way at a time: with more a disk gives little more, and each takes a thread. */
const rowReaderThreads = 4;

/**
 * Threads that read records of neurons by themselves; they end when their rank is closed.
 * @param givenSeekBytes what a read costs; by default what is measured, once
 */
export function nodeRowReaders(cache: TileRoomOptions, logger: Logger, givenSeekBytes?: number): RowReaders {
  let seekBytes = givenSeekBytes;
  return {
    threadBytes: rowReaderThreads * threadBytes,
    seekBytes() {
      seekBytes ??= measureSeek(cache);
      return seekBytes ?? likelySeekBytes;
    },
    start(job) {
      for (let index = 0; index < rowReaderThreads; index += 1) {
        const workerData: RowReaderWorkerData = { job, index, cache };
        const worker = new Worker(workerFile('row-reader-worker'), {
          workerData,
          resourceLimits: { maxYoungGenerationSizeMb: 1 },
        });
        worker.on('error', (error) => logger.error({ error }, 'weights can no longer be read from the disk'));
        // It waits for steps, which must not keep the process alive.
        worker.unref();
      }
    },
  };
}
