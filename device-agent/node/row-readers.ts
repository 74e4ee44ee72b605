import { threadBytes } from '../../runtime/threads/thread-bytes.ts';
import { rowReaderThreads } from '../../runtime/weights/row-reads.ts';
import type { Logger } from '../logger.ts';
import type { RowReaders } from '../rank-tools.ts';
import { likelySeekBytes, measureSeek } from './measure-seek.ts';
import { startRowReaders } from './row-reader-threads.ts';
import type { TileRoomOptions } from './tile-room.ts';

/**
 * Threads that read records of neurons by themselves, for ranks of this process.
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
      startRowReaders(job, cache, (error) =>
        logger.error({ error }, 'weights can no longer be read from the disk'),
      );
    },
  };
}
