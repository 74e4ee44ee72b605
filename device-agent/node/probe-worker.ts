import { parentPort, workerData } from 'node:worker_threads';
import type { DeviceRates } from '../../runtime/protocol/probe-messages.ts';
import { type ProbeJob, probeCompute } from '../probe/compute-probe.ts';
import { startKernels } from './kernel-files.ts';
import { measureDisk } from './measure-disk.ts';
import { likelySeekBytes, measureSeek } from './measure-seek.ts';
import type { TileRoomOptions } from './tile-room.ts';

/** What `new Worker` of this file is given. */
export interface ProbeWorkerData {
  readonly job: ProbeJob;
  readonly index: number;
  readonly cache: TileRoomOptions | undefined;
}

/** Entry point of a worker thread that measures, with the others of its device. The first one knows the disk too. */
const { job, index, cache } = workerData as ProbeWorkerData;
const computed = probeCompute(job, index, startKernels);
const disk = cache && index === 0 ? measureDisk(cache) : 0;
const seek = cache && disk > 0 ? { seekBytes: measureSeek(cache) ?? likelySeekBytes } : {};
parentPort!.postMessage({ ...computed, diskBytesPerSecond: disk, ...seek } satisfies DeviceRates);
