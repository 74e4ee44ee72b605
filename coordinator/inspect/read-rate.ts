import { once } from 'node:events';
import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import { idleProcessors } from '../../device-agent/node/compute-threads.ts';
import { packageRoot } from '../../device-agent/node/package-root.ts';
import type { KernelFormatName } from '../../runtime/kernels/formats.ts';
import type { RunnableReport } from './fit.ts';
import type { RateJob } from './read-rate-worker.ts';
import { typeMix } from './report.ts';

/** How fast this machine multiplies weights by one token, as decoding does. */
export interface ReadRate {
  readonly bytesPerSecond: number;
  readonly threads: number;
  readonly format: KernelFormatName;
}

/** Of weights that each thread reads: more than caches hold, and filled in some hundredths of a second. */
const mostBytes = 128 << 20;
const leastBytes = 1 << 20;
const milliseconds = 200;

/** In the type that most of a model's bytes have, in all idle processors at once. It takes half a second. */
export async function measureReadRate(report: RunnableReport): Promise<ReadRate> {
  const threads = idleProcessors();
  const format = mainFormat(report);
  const byteLength = Math.min(mostBytes, Math.max(leastBytes, report.tileBytes / threads));
  const file = join(packageRoot(), 'dist', 'coordinator', 'inspect', 'read-rate-worker.js');
  const workers = Array.from({ length: threads }, () => new Worker(file));
  try {
    // All begin when all are there: they share the memory that is measured.
    await Promise.all(workers.map((worker) => once(worker, 'message')));
    const job: RateJob = { format, byteLength, milliseconds };
    const rates = await Promise.all(
      workers.map(async (worker) => {
        worker.postMessage(job);
        const [bytesPerSecond] = await once(worker, 'message');
        return bytesPerSecond as number;
      }),
    );
    return { bytesPerSecond: rates.reduce((sum, rate) => sum + rate, 0), threads, format };
  } finally {
    await Promise.all(workers.map((worker) => worker.terminate()));
  }
}

function mainFormat(report: RunnableReport): KernelFormatName {
  const [largest] = [...typeMix(report)].sort(([, a], [, b]) => b.bytes - a.bytes);
  return largest![0] as KernelFormatName;
}
