import { cpus } from 'node:os';
import { type MeasureDevice, scaledRates } from '../probe/measure.ts';
import { remembering } from '../probe/remembering.ts';
import { allowedProcessors } from './allowed-processors.ts';
import { startKernels } from './kernel-files.ts';
import { measureCompute } from './measure-compute.ts';
import { packageVersion } from './package-root.ts';
import { RememberedRates } from './remembered-rates.ts';
import type { TileRoomOptions } from './tile-room.ts';

export interface MeasureOptions {
  /** Of a rank. */
  readonly threads: number;
  /** What the memories of a rank may take. */
  readonly memoryBytes: number;
  /** Where tiles are kept. */
  readonly cache: TileRoomOptions;
  /** Where to remember what was measured. */
  readonly file: string;
}

/** Measures this machine, weight types that are not remembered alone. */
export function measureNode({ threads, memoryBytes, cache, file }: MeasureOptions): MeasureDevice {
  const kernels = startKernels().relaxed ? 'relaxed' : 'baseline';
  const processor = cpus()[0]?.model.trim() || process.arch;
  const disk = `${cache.limitBytes} bytes of ${cache.folder}`;
  const circumstances = [processor, `${threads} threads`, kernels, packageVersion(), disk].join(', ');
  const measure = remembering(new RememberedRates(file), circumstances, (job, signal) =>
    measureCompute({ ...job, threads, memoryBytes, cache }, signal),
  );
  // What is measured in moments says nothing of how many of them a limited process has.
  return async (request, signal) =>
    scaledRates(await measure(request, signal), Math.min(1, allowedProcessors() / threads));
}
