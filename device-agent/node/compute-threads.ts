import { existsSync } from 'node:fs';
import { availableParallelism, cpus } from 'node:os';
import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import { HearthError } from '../../runtime/error.ts';
import type { Logger } from '../logger.ts';
import type { Threads } from '../rank-host.ts';
import type { ComputeWorkerData } from './compute-worker.ts';
import { packageRoot } from './package-root.ts';

/** Compute threads of this process, so many for each rank. */
export function nodeThreads(count: number, logger: Logger): Threads {
  return {
    count,
    start(job) {
      const file = join(packageRoot(), 'dist', 'device-agent', 'node', 'compute-worker.js');
      // A leader that waits for its team hears no events: what can be checked is checked before.
      if (!existsSync(file))
        throw new HearthError('KERNEL_UNAVAILABLE', `${file} is missing: build Hearth first`);
      for (let index = 1; index < job.teamSize; index += 1) {
        const workerData: ComputeWorkerData = { job, index };
        const worker = new Worker(file, { workerData });
        worker.on('error', (error) => logger.error({ error }, 'a compute thread died'));
        // A waiting thread must not keep the process alive.
        worker.unref();
      }
    },
  };
}

/** Time over which the processors are watched. */
const sampleMs = 50;

/**
 * How many threads this machine can spare: its idle processors. More would wait for each other's time slices at
 * every barrier.
 */
export function idleProcessors(): number {
  const before = processorTimes();
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, sampleMs);
  const after = processorTimes();
  const idleShare = (after.idle - before.idle) / Math.max(1, after.total - before.total);
  const available = availableParallelism();
  return Math.min(available, Math.max(1, Math.round(idleShare * available)));
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
