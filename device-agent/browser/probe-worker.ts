import type { KernelBytes } from '../../runtime/kernels/kernels.ts';
import { type ProbeJob, probeCompute } from '../probe/compute-probe.ts';
import { kernelStarter } from './kernel-source.ts';

/** What this worker is told. */
export interface ProbeWorkerData {
  readonly job: ProbeJob;
  readonly index: number;
  readonly kernels: KernelBytes;
}

/** Entry point of a worker that measures, with the others of its device. */
self.onmessage = ({ data: { job, index, kernels } }: MessageEvent<ProbeWorkerData>) => {
  postMessage(probeCompute(job, index, kernelStarter(kernels)));
};
