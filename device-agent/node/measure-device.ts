import { cpus } from 'node:os';
import type { DeviceGpu } from '../device-gpu.ts';
import { limitedRates, type MeasureDevice, probedBytes, type RanksRoom, withRoom } from '../probe/measure.ts';
import { remembering } from '../probe/remembering.ts';
import { allowedProcessors } from './allowed-processors.ts';
import { startKernels } from './kernel-files.ts';
import { measureCompute, mostBytes } from './measure-compute.ts';
import { packageVersion } from './package-root.ts';
import { RememberedRates } from './remembered-rates.ts';
import type { TileRoomOptions } from './tile-room.ts';

export interface MeasureOptions extends RanksRoom {
  /** Of a rank. */
  readonly threads: number;
  /** Threads of this process that are busy in a sync beside those. */
  readonly syncThreads: number;
  /** To be measured with the processor. */
  readonly gpu?: DeviceGpu | undefined;
  /** Where tiles are kept. */
  readonly cache: TileRoomOptions;
  /** Where to remember what was measured. */
  readonly file: string;
}

/** Measures this machine, weight types that are not remembered alone. */
export function measureNode(options: MeasureOptions): MeasureDevice {
  const { threads, syncThreads, memoryBytes, usedBytes, gpu, cache, file } = options;
  const through = `${probedBytes(memoryBytes, mostBytes)} bytes`;
  const kernels = startKernels().relaxed ? 'relaxed' : 'baseline';
  const processor = cpus()[0]?.model.trim() || process.arch;
  const disk = `${cache.limitBytes} bytes of ${cache.folder}`;
  const version = packageVersion();
  const circumstances = [
    processor,
    `${threads} threads`,
    kernels,
    version,
    through,
    disk,
    ...(gpu ? [gpu.name] : []),
  ].join(', ');
  const measure = remembering(
    new RememberedRates(file),
    circumstances,
    async (job, signal) => {
      const freeBytes = memoryBytes - usedBytes();
      const rates = await measureCompute({ ...job, threads, freeBytes, cache }, signal);
      return gpu ? gpu.measured(rates, job) : rates;
    },
    (rates) => !gpu || rates.gpu !== undefined,
  );
  return withRoom(options, mostBytes, async (request, signal) =>
    limitedRates(await measure(request, signal), { processors: allowedProcessors(), threads, syncThreads }),
  );
}
