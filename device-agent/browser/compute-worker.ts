import type { KernelBytes } from '../../runtime/kernels/kernels.ts';
import { portableSha256 } from '../../runtime/protocol/tile-frame.ts';
import { reportOf } from '../../runtime/protocol/error-report.ts';
import type { Report } from '../../runtime/protocol/messages.ts';
import { followRank } from '../follow-rank.ts';
import type { FollowerJob } from '../rank-tools.ts';
import { kernelStarter } from './kernel-source.ts';

/** What this worker is told. */
export interface ComputeWorkerData {
  readonly job: FollowerJob;
  readonly index: number;
  readonly kernels: KernelBytes;
}

/** What it tells the rank's leader: that it is ready for steps, or why it never will be. */
export type ComputeWorkerMessage =
  | { readonly type: 'ready' }
  | { readonly type: 'failed'; readonly report: Report };

const tell = (message: ComputeWorkerMessage): void => postMessage(message);

/** Entry point of a worker that computes a part of its rank's tiles, which the leader loads. */
self.onmessage = async ({ data: { job, index, kernels } }: MessageEvent<ComputeWorkerData>) => {
  try {
    await followRank(job, index, {
      startKernels: kernelStarter(kernels),
      openModel: () => Promise.reject(new Error('no browser has the model')),
      sources: { cache: undefined, sha256: portableSha256 },
      events: { loaded: () => {}, missing: () => {} },
      onReady: () => tell({ type: 'ready' }),
    });
  } catch (error) {
    tell({ type: 'failed', report: reportOf(error) });
  } finally {
    close();
  }
};
