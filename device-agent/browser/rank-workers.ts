import { HearthError } from '../../runtime/error.ts';
import type { KernelBytes } from '../../runtime/kernels/kernels.ts';
import { errorOf } from '../../runtime/protocol/error-report.ts';
import { WindowControl } from '../../runtime/weights/window-control.ts';
import type { Threads } from '../rank-tools.ts';
import type { LoaderJob } from '../window-host.ts';
import type { ComputeWorkerData, ComputeWorkerMessage } from './compute-worker.ts';
import type { LoaderWorkerData } from './loader-worker.ts';
import type { PackTileCache } from './pack-tile-cache.ts';
import { startWorker } from './start-worker.ts';

/** Compute threads of this page, so many for each rank. */
export function browserThreads(count: number, kernels: KernelBytes): Threads {
  return {
    count,
    loads: false,
    async start(job) {
      const others = Array.from({ length: count - 1 }, (_, i) => i + 1);
      await Promise.all(others.map((index) => startThread({ job, index, kernels })));
    },
  };
}

/** @returns settles when the thread is ready for steps */
function startThread(data: ComputeWorkerData): Promise<void> {
  const worker = startWorker('compute-worker');
  return new Promise((resolve, reject) => {
    worker.onmessage = ({ data: message }: MessageEvent<ComputeWorkerMessage>) => {
      if (message.type === 'ready') resolve();
      else reject(errorOf(message.report));
    };
    worker.onerror = ({ message }) =>
      reject(new HearthError('THREAD_LOST', `a compute thread died: ${message}`));
    worker.postMessage(data);
  });
}

/** Starts a worker that reads ahead the tiles that a stage has no room for. @returns settles when it has begun */
export function startLoader(job: LoaderJob, cache: PackTileCache): Promise<void> {
  const control = new WindowControl(job.control);
  const places = cache.lease(job.hashes, () => control.stopped);
  const worker = startWorker('loader-worker');
  return new Promise((resolve, reject) => {
    worker.onmessage = () => resolve();
    worker.onerror = ({ message }) => {
      control.fail();
      reject(new HearthError('FILE_READ_FAILED', `weights can no longer be read: ${message}`));
    };
    worker.postMessage({ job, places } satisfies LoaderWorkerData);
  });
}
