import type { KernelBytes } from '../../runtime/kernels/kernels.ts';
import type { DeviceRates } from '../../runtime/protocol/probe-messages.ts';
import type { ComputeRates, ProbeJob } from '../probe/compute-probe.ts';
import type { MeasureDevice } from '../probe/measure.ts';
import { type RatesMemory, remembering, rememberedMs } from '../probe/remembering.ts';
import type { Database } from './database.ts';
import type { ProbeWorkerData } from './probe-worker.ts';
import { startWorker } from './start-worker.ts';

/** Weights that are read through: more than caches of phones and laptops hold. */
const mostBytes = 64 << 20;
/** Of the memory that a rank may have. */
const memoryShare = 1 / 16;

export interface MeasureBrowserOptions {
  readonly kernels: KernelBytes;
  readonly threads: number;
  readonly memoryBytes: number;
  readonly database: Database;
  /** All that makes this browser faster or slower for good. */
  readonly circumstances: string;
}

/** Measures this browser, weight types that are not remembered alone. */
export function measureBrowser(options: MeasureBrowserOptions): MeasureDevice {
  const { database, circumstances, memoryBytes, threads } = options;
  const weightBytes = Math.min(mostBytes, Math.floor(memoryBytes * memoryShare));
  return remembering(ratesIn(database), circumstances, async (job, signal) => {
    const computed = await probe({ ...job, threads, weightBytes, shared: undefined }, options, signal);
    return { ...computed, diskBytesPerSecond: 0 };
  });
}

/** In a worker of its own, which can be ended at any moment. */
async function probe(
  job: ProbeJob,
  { kernels }: MeasureBrowserOptions,
  signal: AbortSignal,
): Promise<ComputeRates> {
  signal.throwIfAborted();
  const worker = startWorker('probe-worker');
  try {
    return await new Promise((resolve, reject) => {
      signal.addEventListener('abort', () => reject(signal.reason), { once: true });
      worker.onmessage = ({ data }: MessageEvent<ComputeRates>) => resolve(data);
      worker.onerror = ({ message }) => reject(new Error(message));
      worker.postMessage({ job, index: 0, kernels } satisfies ProbeWorkerData);
    });
  } finally {
    worker.terminate();
  }
}

function ratesIn(database: Database): RatesMemory {
  return {
    find: async (key) => {
      const noted = await database.get('rates', key).catch(() => undefined);
      return noted && Date.now() - noted.measuredMs < rememberedMs ? noted.rates : undefined;
    },
    note: (key: string, rates: DeviceRates) => {
      database.put('rates', { measuredMs: Date.now(), rates }, key).catch(() => {});
    },
  };
}
