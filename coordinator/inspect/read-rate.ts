import { idleProcessors } from '../../device-agent/node/compute-threads.ts';
import { measureCompute } from '../../device-agent/node/measure-compute.ts';
import type { KernelFormatName } from '../../runtime/kernels/formats.ts';
import type { RunnableReport } from './fit.ts';
import { typeMix } from './report.ts';

/** How fast this machine multiplies weights by one token, as decoding does. */
export interface ReadRate {
  readonly bytesPerSecond: number;
  readonly threads: number;
  readonly format: KernelFormatName;
}

/** In the type that most of a model's bytes have, in all idle processors at once. It takes half a second. */
export async function measureReadRate(report: RunnableReport): Promise<ReadRate> {
  const threads = idleProcessors();
  const format = mainFormat(report);
  const { kernels } = await measureCompute({
    formats: [format],
    kvFormat: 'f16',
    threads,
    freeBytes: Number.POSITIVE_INFINITY,
  });
  return { bytesPerSecond: kernels[format]!.decodeBytesPerSecond, threads, format };
}

function mainFormat(report: RunnableReport): KernelFormatName {
  const [largest] = [...typeMix(report)].sort(([, a], [, b]) => b.bytes - a.bytes);
  return largest![0] as KernelFormatName;
}
