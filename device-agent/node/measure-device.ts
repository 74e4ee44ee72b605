import { cpus } from 'node:os';
import type { DeviceRates } from '../../runtime/protocol/probe-messages.ts';
import { type MeasureDevice, scaledRates } from '../probe/measure.ts';
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
  const remembered = new RememberedRates(file);
  const kernels = startKernels().relaxed ? 'relaxed' : 'baseline';
  const processor = cpus()[0]?.model.trim() || process.arch;
  const disk = `${cache.limitBytes} bytes of ${cache.folder}`;
  const circumstances = [processor, `${threads} threads`, kernels, packageVersion(), disk];
  // What is measured in moments says nothing of how many of them a limited process has.
  const asAllowed = (rates: DeviceRates) => scaledRates(rates, Math.min(1, allowedProcessors() / threads));
  return async ({ formats, kvFormat, fresh }, signal) => {
    const key = [...circumstances, `KV in ${kvFormat}`].join(', ');
    const known = fresh ? undefined : remembered.find(key);
    const missing = formats.filter((name) => !known?.kernels[name]);
    if (known && missing.length === 0) return asAllowed(only(known, formats));
    const job = { formats: missing, kvFormat, threads, memoryBytes, cache };
    const { kernels: added, ...measured } = await measureCompute(job, signal);
    const rates = { ...known, ...measured, kernels: { ...known?.kernels, ...added } };
    remembered.note(key, rates);
    return asAllowed(only(rates, formats));
  };
}

/** Without weight types that were measured for other models. */
function only(rates: DeviceRates, formats: readonly (keyof DeviceRates['kernels'])[]): DeviceRates {
  const kernels = Object.fromEntries(formats.map((name) => [name, rates.kernels[name]!]));
  return { ...rates, kernels };
}
