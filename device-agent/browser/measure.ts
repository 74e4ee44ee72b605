import type { KernelBytes } from '../../runtime/kernels/kernels.ts';
import type { DeviceRates } from '../../runtime/protocol/probe-messages.ts';
import type { DeviceGpu } from '../device-gpu.ts';
import { type ComputeRates, type ProbeJob, probeJob } from '../probe/compute-probe.ts';
import { type MeasureDevice, probedBytes, type RanksRoom, withRoom } from '../probe/measure.ts';
import { type RatesMemory, rememberedMs, remembering } from '../probe/remembering.ts';
import type { Database } from './database.ts';
import { kernelStarter } from './kernel-source.ts';
import type { ProbeWorkerData } from './probe-worker.ts';
import { startWorker } from './start-worker.ts';

/** Weights that are read through: more than caches of phones and laptops hold. */
const mostBytes = 64 << 20;

export interface MeasureBrowserOptions extends RanksRoom {
  readonly kernels: KernelBytes;
  readonly threads: number;
  /** To be measured with the processor. */
  readonly gpu: DeviceGpu | undefined;
  readonly database: Database;
  /** How fast kept tiles can be read ahead; 0 where nothing can stream. */
  readonly diskBytesPerSecond: () => Promise<number>;
  /** All that makes this browser faster or slower for good. */
  readonly circumstances: string;
}

/** Measures this browser, weight types that are not remembered alone. */
export function measureBrowser(options: MeasureBrowserOptions): MeasureDevice {
  const { database, gpu, circumstances, memoryBytes, usedBytes, threads } = options;
  const measure = remembering(
    ratesIn(database),
    circumstances,
    async (job, signal) => {
      const weightBytes = probedBytes(memoryBytes - usedBytes(), mostBytes);
      const computed = await probe({ ...job, threads, weightBytes }, options, signal);
      const rates = { ...computed, diskBytesPerSecond: await options.diskBytesPerSecond() };
      return gpu ? gpu.measured(rates, job) : rates;
    },
    (rates) => !gpu || rates.gpu !== undefined,
  );
  return withRoom(options, mostBytes, measure);
}

/** In workers of their own, which can be ended at any moment. @returns what all of them measured */
async function probe(
  job: Omit<ProbeJob, 'shared'>,
  { kernels }: MeasureBrowserOptions,
  signal: AbortSignal,
): Promise<ComputeRates> {
  signal.throwIfAborted();
  const shared = probeJob(job, kernelStarter(kernels));
  const workers = Array.from({ length: job.threads }, () => startWorker('probe-worker'));
  try {
    const answers = workers.map((worker, index) => {
      worker.postMessage({ job: shared, index, kernels } satisfies ProbeWorkerData);
      return answerOf(worker, signal);
    });
    const [rates] = await Promise.all(answers);
    return rates!;
  } finally {
    for (const worker of workers) worker.terminate();
  }
}

function answerOf(worker: Worker, signal: AbortSignal): Promise<ComputeRates> {
  return new Promise((resolve, reject) => {
    signal.addEventListener('abort', () => reject(signal.reason), { once: true });
    worker.onmessage = ({ data }: MessageEvent<ComputeRates>) => resolve(data);
    worker.onerror = ({ message }) => reject(new Error(message));
  });
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
