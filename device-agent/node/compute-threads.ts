import { existsSync } from 'node:fs';
import { availableParallelism, cpus } from 'node:os';
import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import { HearthError } from '../../runtime/error.ts';
import { errorOf } from '../../runtime/protocol/error-report.ts';
import type { Logger } from '../logger.ts';
import type { Threads } from '../rank-tools.ts';
import type { LoadEvents } from '../tile-sources.ts';
import { allowedProcessors } from './allowed-processors.ts';
import type { ComputeWorkerData, ComputeWorkerMessage } from './compute-worker.ts';
import { packageRoot } from './package-root.ts';
import type { TileRoomOptions } from './tile-room.ts';

/**
 * Compute threads of this process, so many for each rank.
 * @param cache where they find tiles that this device kept
 */
export function nodeThreads(count: number, logger: Logger, cache?: TileRoomOptions): Threads {
  return {
    count,
    loads: true,
    async start(job, events) {
      const file = workerFile('compute-worker');
      const others = Array.from({ length: job.teamSize - 1 }, (_, i) => i + 1);
      await Promise.all(others.map((index) => startThread(file, { job, index, cache }, events, logger)));
    },
  };
}

/** @throws HearthError KERNEL_UNAVAILABLE */
export function workerFile(name: string): string {
  const file = join(packageRoot(), 'dist', 'device-agent', 'node', `${name}.js`);
  if (!existsSync(file))
    throw new HearthError('KERNEL_UNAVAILABLE', `${file} is missing: build Hearth first`);
  return file;
}

/** @returns settles when the thread is ready for steps */
function startThread(
  file: string,
  workerData: ComputeWorkerData,
  { loaded, missing }: LoadEvents,
  logger: Logger,
): Promise<void> {
  // It makes little garbage, and what it may keep of it is memory that the model lacks.
  const worker = new Worker(file, { workerData, resourceLimits: { maxYoungGenerationSizeMb: 1 } });
  return new Promise((resolve, reject) => {
    worker.on('message', (message: ComputeWorkerMessage) => {
      if (message.type === 'loaded') loaded(message.tileId, message.hash, message.kept);
      else if (message.type === 'missing') missing(message.tileId);
      else if (message.type === 'failed') reject(errorOf(message.report));
      else {
        // From now on it waits for steps, which must not keep the process alive.
        worker.unref();
        resolve();
      }
    });
    worker.on('error', (error) => {
      logger.error({ error }, 'a compute thread died');
      reject(new HearthError('THREAD_LOST', `a compute thread died: ${error.message}`, {}, error));
    });
  });
}

/** Time over which the processors are watched. */
const sampleMs = 50;

/**
 * How many threads this machine can spare: its idle processors, as far as this process may use them. More would wait for
 * each other's time slices at every barrier.
 */
export function idleProcessors(): number {
  const before = processorTimes();
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, sampleMs);
  const after = processorTimes();
  const idleShare = (after.idle - before.idle) / Math.max(1, after.total - before.total);
  const available = availableParallelism();
  return Math.max(1, Math.min(Math.floor(allowedProcessors()), Math.round(idleShare * available)));
}

function processorTimes(): { idle: number; total: number } {
  let idle = 0;
  let total = 0;
  for (const { times } of cpus()) {
    idle += times.idle;
    total += times.user + times.nice + times.sys + times.idle + times.irq;
  }
  return { idle, total };
}
