import { parentPort, workerData } from 'node:worker_threads';
import { reportOf } from '../../runtime/protocol/error-report.ts';
import type { Report } from '../../runtime/protocol/messages.ts';
import { followRank } from '../follow-rank.ts';
import type { FollowerJob } from '../rank-tools.ts';
import { collectGarbage } from './collect-garbage.ts';
import { FolderTileCache } from './folder-tile-cache.ts';
import { startKernels } from './kernel-files.ts';
import { openModelHere } from './model-here.ts';
import { nodeSha256 } from './sha256.ts';
import type { TileRoomOptions } from './tile-room.ts';

/** What `new Worker` of this file is given. */
export interface ComputeWorkerData {
  readonly job: FollowerJob;
  readonly index: number;
  readonly cache: TileRoomOptions | undefined;
}

/** What it tells its leader's thread: of tiles, that it is ready for steps, or why it will never be. */
export type ComputeWorkerMessage =
  | { readonly type: 'loaded'; readonly tileId: number; readonly hash: Uint8Array; readonly kept: boolean }
  | { readonly type: 'missing'; readonly tileId: number }
  | { readonly type: 'ready' }
  | { readonly type: 'failed'; readonly report: Report };

const tell = (message: ComputeWorkerMessage) => parentPort!.postMessage(message);

/** Entry point of a worker thread that computes a part of its rank's tiles. */
const { job, index, cache } = workerData as ComputeWorkerData;
try {
  await followRank(job, index, {
    startKernels,
    openModel: openModelHere,
    sources: { cache: cache && new FolderTileCache(cache), sha256: nodeSha256 },
    events: {
      loaded: (tileId, hash, kept) => tell({ type: 'loaded', tileId, hash, kept }),
      missing: (tileId) => tell({ type: 'missing', tileId }),
    },
    onReady: () => {
      collectGarbage();
      tell({ type: 'ready' });
    },
  });
} catch (error) {
  tell({ type: 'failed', report: reportOf(error) });
  throw error;
}
